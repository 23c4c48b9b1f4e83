/**
 * L1: every stored object of a recovery point is there, is what was written, and every block of every file opens to the
 * content that its id names. Damage is an answer, not an error.
 */
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import type { BackupFile, ComponentRecord, Manifest } from '../../domain/recovery-point.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import { largeAtOnce } from '../at-once.ts';
import { readIndexEntries, readIndexHead } from '../index-object.ts';
import { layout } from '../layout.ts';
import { digestOfObject } from '../object-digest.ts';
import type { CheckOptions, CheckResult } from '../repository.ts';
import { checkPack } from './check-pack.ts';
import { BlockSet } from './block-set.ts';
import type { PackTable } from '../index-head.ts';
import type { CheckParts } from './parts.ts';

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
  readonly #notes: string[] = [];
  readonly #damagedPacks = new Set<string>();
  #objects = 0;
  #bytes = 0;

  constructor(parts: CheckParts, manifest: Manifest, options: CheckOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#files = new Map(manifest.backup_files.map((file) => [file.path, file]));
    this.#bytesTotal = options.components === undefined ? manifest.total_size : 0;
  }

  result(): CheckResult {
    return {
      ok: this.#problems.length === 0,
      objects: this.#objects,
      bytes: this.#bytes,
      problems: this.#problems,
      notes: this.#notes,
      damagedPacks: [...this.#damagedPacks],
    };
  }

  async component(component: ComponentRecord): Promise<void> {
    const index = layout.index(component.indexId);
    const packs = await this.#guard({ component: component.id, object: index }, () =>
      this.#checkIndex(component, index),
    );
    if (packs === undefined) return;
    const blocks = new BlockSet();
    const badFrames = await this.#checkPacks(component, packs, blocks);
    const touched = await this.#guard({ component: component.id, object: index }, () =>
      this.#checkEntries(component, packs, blocks),
    );
    for (const [pack, message] of badFrames) {
      // Nothing of this point may need a bad frame: it is another point's, or of content that changed since.
      if (touched?.has(pack) === false) this.#notes.push(`${component.id}: ${message}; no file of this point is in it`);
      else this.#report({ component: component.id, object: layout.pack(pack), code: 'ObjectCorrupt', message });
    }
  }

  /** The index's own bytes, against the manifest; then its pack table. */
  async #checkIndex(component: ComponentRecord, key: string): Promise<PackTable> {
    const { size, checksum } = await digestOfObject(this.#parts.storage, key);
    this.#count(size);
    const file = this.#files.get(key);
    if (file === undefined)
      this.#report({
        component: component.id,
        object: key,
        code: 'ManifestInvalid',
        message: 'the manifest does not list this index',
      });
    else if (checksum !== file.checksum)
      this.#report({
        component: component.id,
        object: key,
        code: 'ObjectCorrupt',
        message: `object ${key} does not have the SHA-256 that the manifest names`,
      });
    const head = await readIndexHead(this.#parts.storage, component.indexId, this.#parts.opener);
    if (head.component !== component.id)
      throw new LifeboatError('ManifestInvalid', `the index is of component ${head.component}`);
    return head.packs;
  }

  /**
   * At least as many at a time as there are threads: some are read while others are opened. Gives the packs with bad frames, by
   * id, and what is wrong with them.
   */
  async #checkPacks(
    component: ComponentRecord,
    packs: PackTable,
    blocks: BlockSet,
  ): Promise<ReadonlyMap<string, string>> {
    const badFrames = new Map<string, string>();
    const lanes = Math.max(this.#parts.pool.size, largeAtOnce);
    await inLanes(lanes, packs.entries(), async ([number, record]) => {
      this.#options.signal?.throwIfAborted();
      const key = layout.pack(record.id);
      const found = await this.#guard({ component: component.id, object: key }, () => checkPack(this.#parts, record));
      if (found === undefined || found.problem !== undefined) this.#damagedPacks.add(record.id);
      if (found !== undefined) {
        blocks.addPack(number, found.frames);
        for (const { offset } of found.bad) blocks.addBad(number, offset);
        if (found.problem !== undefined && found.bad.length > 0) badFrames.set(record.id, found.problem);
        else if (found.problem !== undefined)
          this.#report({ component: component.id, object: key, code: 'ObjectCorrupt', message: found.problem });
      }
      this.#count(record.size);
    });
    return badFrames;
  }

  /** Finds the files that bad blocks belong to, and references that name no frame. Gives the ids of the packs that they touch. */
  async #checkEntries(component: ComponentRecord, packs: PackTable, blocks: BlockSet): Promise<ReadonlySet<string>> {
    const touched = new Set<string>();
    for await (const entry of readIndexEntries(
      this.#parts.storage,
      component.indexId,
      this.#parts.opener,
      this.#options.signal,
    )) {
      if (entry.type !== 'file') continue;
      const ids = entry.blocks.filter((block) => !blocks.isGood(block)).map(([pack]) => packs.get(pack)?.id ?? '');
      const [first] = ids;
      if (first === undefined) continue;
      for (const id of ids) touched.add(id);
      const object = layout.pack(first);
      this.#report({
        component: component.id,
        file: entry.path,
        object,
        code: 'ObjectCorrupt',
        message: `a block in ${object} is missing or damaged`,
      });
    }
    return touched;
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
      if (!isLifeboatError(error, 'ObjectMissing', 'ObjectCorrupt', 'ManifestInvalid', 'FormatTooNew')) throw error;
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
