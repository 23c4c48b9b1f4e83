/** What earlier backups and killed attempts stored: their blocks are not stored again, their unchanged files not read. */
import type { FileEntry } from '../../domain/entry.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { BlockTable } from '../block-table.ts';
import { pathBytes, pathKey } from '../entry-path.ts';
import type { Opener } from '../frame.ts';
import { readIndexFooter, readIndexObject } from '../index-object.ts';
import type { PackRecord } from '../index-object.ts';
import { layout } from '../layout.ts';
import { ownObjects } from '../own-objects.ts';
import { readPackTable } from '../pack.ts';
import type { PackFrames } from '../pack.ts';

export interface Previous {
  /** Shared with the threads. Its pack numbers count in `packs`. */
  readonly blocks: BlockTable;
  readonly packs: readonly PackRecord[];
  /** JSON of the entries that may be reused, by path; text, because objects take three times the memory. */
  readonly files: ReadonlyMap<string, string>;
}

interface Sources {
  readonly storage: Storage;
  readonly opener: Opener;
  readonly previousIndexId: string | undefined;
  readonly resumePacks: readonly string[];
  readonly damaged: ReadonlySet<string>;
  readonly warn: (message: string) => void;
}

/**
 * A pack that is gone, shorter than it was, damaged, or marked for removal counts as absent: its blocks are stored again.
 * A damaged previous index only costs time.
 */
export async function loadPrevious(sources: Sources): Promise<Previous> {
  const { storage, previousIndexId, warn } = sources;
  const unusable = new Set([...(await tombstonedPacks(storage)), ...sources.damaged]);
  const resumed = await readResumedPacks(sources, unusable);
  const resumedBlocks = resumed.reduce((sum, { table }) => sum + table.plainLengths.length, 0);
  if (previousIndexId !== undefined) {
    try {
      return await fromIndex(sources, previousIndexId, unusable, resumed, resumedBlocks);
    } catch (error) {
      if (!isLifeboatError(error, 'ObjectMissing', 'ObjectCorrupt', 'ManifestInvalid')) throw error;
      warn(`the previous index cannot be used, everything is read and stored again: ${error.message}`);
    }
  }
  const blocks = new BlockTable(resumedBlocks, true);
  return { blocks, packs: addResumed(blocks, [], resumed), files: new Map() };
}

interface ResumedPack {
  readonly record: PackRecord;
  readonly table: PackFrames;
}

async function fromIndex(
  { storage, opener }: Sources,
  indexId: string,
  unusable: ReadonlySet<string>,
  resumed: readonly ResumedPack[],
  resumedBlocks: number,
): Promise<Previous> {
  const footer = await readIndexFooter(storage, indexId, opener);
  const usable = await Promise.all(
    footer.packs.map(async ({ id, size }) => !unusable.has(id) && (await storage.stat(layout.pack(id)))?.size === size),
  );
  const blocks = new BlockTable(footer.blocks + resumedBlocks, true);
  const files = new Map<string, string>();
  for await (const entry of readIndexObject(storage, indexId, opener)) {
    if (entry.type !== 'file') continue;
    for (const [pack, offset, length, id, plainLength] of entry.blocks) {
      if (usable[pack] === true) blocks.insert(Buffer.from(id, 'hex'), 0, { pack, offset, length, plainLength });
    }
    if (isReusable(entry, usable))
      files.set(pathKey(pathBytes(entry)), JSON.stringify({ ...entry, xattrs: undefined }));
  }
  return { blocks, packs: addResumed(blocks, footer.packs, resumed), files };
}

function isReusable(entry: FileEntry, usable: readonly boolean[]): boolean {
  return (
    entry.source?.writtenBack === true &&
    entry.changedDuringRead !== true &&
    entry.blocks.every(([pack]) => usable[pack] === true)
  );
}

function addResumed(blocks: BlockTable, packs: readonly PackRecord[], resumed: readonly ResumedPack[]): PackRecord[] {
  const all = [...packs];
  for (const { record, table } of resumed) {
    table.plainLengths.forEach((plainLength, frame) => {
      const offset = table.frames[frame * 2] ?? 0;
      const length = table.frames[frame * 2 + 1] ?? 0;
      blocks.insert(table.ids, frame * 32, { pack: all.length, offset, length, plainLength });
    });
    all.push(record);
  }
  return all;
}

/** A pack of a killed attempt that does not read well is left out: its blocks are stored again. */
async function readResumedPacks(
  { storage, opener, resumePacks, warn }: Sources,
  unusable: ReadonlySet<string>,
): Promise<ResumedPack[]> {
  const packs: ResumedPack[] = [];
  for (const id of resumePacks) {
    if (unusable.has(id)) continue;
    try {
      const { size, ...table } = await readPackTable(storage, id, opener);
      packs.push({ record: { id, size }, table });
    } catch (error) {
      if (!isLifeboatError(error, 'ObjectMissing', 'ObjectCorrupt')) throw error;
      warn(`a pack of the earlier attempt is not used: ${error.message}`);
    }
  }
  return packs;
}

async function tombstonedPacks(storage: Storage): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for await (const { key } of ownObjects(storage, layout.tombstone(layout.packs)))
    ids.add(key.slice(key.lastIndexOf('/') + 1));
  return ids;
}
