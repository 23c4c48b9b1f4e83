/**
 * L1: every stored object of a recovery point is there, is what was written, and every block of every file opens to the
 * content that its id names. Damage is an answer, not an error.
 */
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import type { BackupFile, ComponentRecord, Manifest } from '../../domain/recovery-point.ts';
import type { Storage } from '../../storage/storage.ts';
import { digestOf } from '../document.ts';
import type { Opener } from '../frame.ts';
import { readIndexFooter, readIndexObject } from '../index-object.ts';
import type { PackRecord } from '../index-object.ts';
import { layout } from '../layout.ts';
import type { CheckOptions, CheckResult } from '../repository.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { checkPack } from './check-pack.ts';
import { BlockSet } from './block-set.ts';

export interface CheckParts {
  readonly storage: Storage;
  readonly pool: ThreadPool;
  readonly opener: Opener;
}

type Problem = CheckResult['problems'][number];

export async function checkManifest(
  parts: CheckParts,
  manifest: Manifest,
  options: CheckOptions,
): Promise<CheckResult> {
  const check = new Check(parts, manifest, options);
  const components = manifest.lifeboat.components.filter(({ id }) => options.components?.includes(id) ?? true);
  for (const component of components) await check.component(component);
  return check.result();
}

class Check {
  readonly #parts: CheckParts;
  readonly #options: CheckOptions;
  readonly #files: ReadonlyMap<string, BackupFile>;
  readonly #bytesTotal: number;
  readonly #problems: Problem[] = [];
  #objects = 0;
  #bytes = 0;

  constructor(parts: CheckParts, manifest: Manifest, options: CheckOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#files = new Map(manifest.backup_files.map((file) => [file.path, file]));
    this.#bytesTotal = options.components === undefined ? manifest.total_size : 0;
  }

  result(): CheckResult {
    return { ok: this.#problems.length === 0, objects: this.#objects, bytes: this.#bytes, problems: this.#problems };
  }

  async component(component: ComponentRecord): Promise<void> {
    const index = layout.index(component.indexId);
    const packs = await this.#guard({ component: component.id, object: index }, () =>
      this.#checkIndex(component, index),
    );
    if (packs === undefined) return;
    const blocks = new BlockSet();
    await this.#checkPacks(component, packs, blocks);
    await this.#guard({ component: component.id, object: index }, () => this.#checkEntries(component, packs, blocks));
  }

  /** The index's own bytes, against the manifest; then its pack table. */
  async #checkIndex(component: ComponentRecord, key: string): Promise<readonly PackRecord[]> {
    const bytes = await this.#parts.storage.read(key);
    this.#count(bytes.length);
    const file = this.#files.get(key);
    if (file === undefined)
      this.#report({
        component: component.id,
        object: key,
        code: 'ManifestInvalid',
        message: 'the manifest does not list this index',
      });
    else if (digestOf(bytes) !== file.checksum)
      this.#report({
        component: component.id,
        object: key,
        code: 'ObjectCorrupt',
        message: `object ${key} does not have the SHA-256 that the manifest names`,
      });
    return (await readIndexFooter(this.#parts.storage, component.indexId, this.#parts.opener)).packs;
  }

  /** As many at a time as there are threads: some are read while others are opened. */
  async #checkPacks(component: ComponentRecord, packs: readonly PackRecord[], blocks: BlockSet): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let number = next++; number < packs.length; number = next++) {
        const record = packs[number];
        if (record === undefined) return;
        this.#options.signal?.throwIfAborted();
        const key = layout.pack(record.id);
        const found = await this.#guard({ component: component.id, object: key }, () => checkPack(this.#parts, record));
        if (found !== undefined) {
          blocks.addPack(number, found.frames);
          for (const { offset } of found.bad) blocks.addBad(number, offset);
          if (found.problem !== undefined)
            this.#report({ component: component.id, object: key, code: 'ObjectCorrupt', message: found.problem });
        }
        this.#count(record.size);
      }
    };
    await Promise.all(Array.from({ length: this.#parts.pool.size }, worker));
  }

  /** Which files do the bad blocks belong to, and does every reference name a frame? */
  async #checkEntries(component: ComponentRecord, packs: readonly PackRecord[], blocks: BlockSet): Promise<void> {
    for await (const entry of readIndexObject(
      this.#parts.storage,
      component.indexId,
      this.#parts.opener,
      this.#options.signal,
    )) {
      if (entry.type !== 'file') continue;
      const ref = entry.blocks.find((block) => !blocks.isGood(block));
      if (ref === undefined) continue;
      const object = layout.pack(packs[ref[0]]?.id ?? '');
      this.#report({
        component: component.id,
        file: entry.path,
        object,
        code: 'ObjectCorrupt',
        message: `file ${entry.path} has a block in ${object} that is missing or damaged`,
      });
    }
  }

  /** Damage becomes a problem; being told to stop, or a storage that does not answer, ends the check. */
  async #guard<T>(
    where: { readonly component: string; readonly object: string },
    run: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      if (
        !isLifeboatError(error, 'ObjectMissing') &&
        !isLifeboatError(error, 'ObjectCorrupt') &&
        !isLifeboatError(error, 'ManifestInvalid') &&
        !isLifeboatError(error, 'FormatTooNew')
      )
        throw error;
      this.#report({ ...where, code: error.code, message: error.message });
      return undefined;
    }
  }

  #report(problem: Problem): void {
    this.#problems.push(problem);
  }

  #count(bytes: number): void {
    this.#objects += 1;
    this.#bytes += bytes;
    this.#options.onProgress?.({ phase: 'check', bytesDone: this.#bytes, bytesTotal: this.#bytesTotal });
  }
}
