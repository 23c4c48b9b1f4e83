/** Restores files that fit a slab, many in one message. */
import type { BlockRef, FileEntry } from '../../domain/entry.ts';
import type { Storage } from '../../storage/storage.ts';
import type { FileMeta, RestoredFile } from '../threads/jobs.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { slabBytes, slabFiles, slabPlainBytes } from '../threads/slab.ts';
import type { Slab } from '../threads/slab.ts';
import { planReads, readRangesInto } from './ranges.ts';
import type { PackTable } from '../index-head.ts';

export interface SmallFile {
  readonly entry: FileEntry;
  readonly path: Buffer;
  readonly meta: FileMeta;
}

export class SmallFileBatch {
  #files: SmallFile[] = [];
  #bytes = 0;
  readonly #frames = new Set<string>();
  #storedBytes = 0;

  get isEmpty(): boolean {
    return this.#files.length === 0;
  }

  /** A frame that several files share is read whole: so the stored bytes have a bound of their own. */
  hasRoomFor({ size, blocks }: FileEntry): boolean {
    if (this.#files.length >= slabFiles || this.#bytes + size > slabPlainBytes) return false;
    const more = blocks.reduce((sum, ref) => (this.#frames.has(frameOf(ref)) ? sum : sum + ref[2]), 0);
    return this.#storedBytes + more <= slabBytes;
  }

  add(file: SmallFile): void {
    this.#files.push(file);
    this.#bytes += file.entry.size;
    for (const ref of file.entry.blocks) {
      if (this.#frames.has(frameOf(ref))) continue;
      this.#frames.add(frameOf(ref));
      this.#storedBytes += ref[2];
    }
  }

  take(): SmallFile[] {
    const files = this.#files;
    this.#files = [];
    this.#bytes = 0;
    this.#frames.clear();
    this.#storedBytes = 0;
    return files;
  }
}

function frameOf([pack, offset]: BlockRef): string {
  return `${pack}:${offset}`;
}

/** Reads, verifies and writes the files; returns their bytes. The slab is in use until then. */
export async function restoreSmallFiles(
  files: readonly SmallFile[],
  from: { readonly storage: Storage; readonly pool: ThreadPool; readonly packs: PackTable },
  slab: Slab,
): Promise<number> {
  const plan = planReads(
    files.flatMap(({ entry }) => entry.blocks),
    from.packs,
  );
  const ranges = await readRangesInto(from.storage, plan, slab);
  let block = 0;
  const jobs = files.map(({ entry, path, meta }): RestoredFile => {
    const blocks = plan.blocks.slice(block, block + entry.blocks.length);
    block += entry.blocks.length;
    return {
      path,
      name: entry.path,
      size: entry.size,
      sparse: entry.sparse === true,
      blocks,
      meta,
    };
  });
  await from.pool.run('files', { ranges, files: jobs });
  return files.reduce((sum, { entry }) => sum + entry.size, 0);
}
