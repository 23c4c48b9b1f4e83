/** Restores files that fit a slab, many in one message. */
import type { FileEntry } from '../../domain/entry.ts';
import type { Storage } from '../../storage/storage.ts';
import type { PackRecord } from '../index-object.ts';
import type { FileMeta, RestoredFile } from '../threads/jobs.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { slabPlainBytes } from '../threads/slab.ts';
import type { Slab } from '../threads/slab.ts';
import { planReads, readRangesInto } from './ranges.ts';

const filesPerJob = 256;

export interface SmallFile {
  readonly entry: FileEntry;
  readonly path: Buffer;
  readonly meta: FileMeta;
}

export class SmallFileBatch {
  #files: SmallFile[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#files.length === 0;
  }

  hasRoomFor({ size }: FileEntry): boolean {
    return this.#files.length < filesPerJob && this.#bytes + size <= slabPlainBytes;
  }

  add(file: SmallFile): void {
    this.#files.push(file);
    this.#bytes += file.entry.size;
  }

  take(): SmallFile[] {
    const files = this.#files;
    this.#files = [];
    this.#bytes = 0;
    return files;
  }
}

/** Reads, verifies and writes the files; returns their bytes. The slab is in use until then. */
export async function restoreSmallFiles(
  files: readonly SmallFile[],
  from: { readonly storage: Storage; readonly pool: ThreadPool; readonly packs: readonly PackRecord[] },
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
      sha256: entry.sha256,
      sparse: entry.sparse === true,
      blocks,
      meta,
    };
  });
  await from.pool.run('files', { ranges, files: jobs });
  return files.reduce((sum, { entry }) => sum + entry.size, 0);
}
