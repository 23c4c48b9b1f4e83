/** Reads a share of all packs again, whoever names them: bits rot in silence. A pack's name is the digest of its bytes. */
import { LifeboatError } from '../../domain/errors.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { Storage } from '../../storage/storage.ts';
import { layout } from '../layout.ts';
import { authenticatePack } from '../replicate/copy-objects.ts';

export interface RereadOptions {
  /** The share: `part` of `parts`, by the pack's name, so that after `parts` runs every pack was read. */
  readonly part: number;
  readonly parts: number;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

export interface Reread {
  readonly objects: number;
  readonly bytes: number;
  /** Ids of packs that do not authenticate, or went while they were read. */
  readonly damagedPacks: readonly string[];
}

export async function reread(storage: Storage, options: RereadOptions): Promise<Reread> {
  const { part, parts, onProgress, signal } = options;
  const damagedPacks: string[] = [];
  let [objects, bytes] = [0, 0];
  for await (const { key, size } of storage.list(layout.packs)) {
    signal?.throwIfAborted();
    const id = key.slice(key.lastIndexOf('/') + 1);
    if (Number.parseInt(id.slice(0, 8), 16) % parts !== part) continue;
    try {
      authenticatePack(key, await storage.read(key));
    } catch (error) {
      if (!(error instanceof LifeboatError) || (error.code !== 'ObjectCorrupt' && error.code !== 'ObjectMissing'))
        throw error;
      damagedPacks.push(id);
    }
    objects += 1;
    bytes += size;
    onProgress?.({ phase: 're-read', bytesDone: bytes, bytesTotal: 0 });
  }
  return { objects, bytes, damagedPacks };
}
