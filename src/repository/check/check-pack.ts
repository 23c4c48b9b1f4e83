import { layout } from '../layout.ts';
import { packTableOf } from '../pack.ts';
import type { FramesOfPack } from './block-set.ts';
import type { PackRecord } from '../index-head.ts';
import type { CheckParts } from './parts.ts';

export interface PackFindings {
  readonly frames: FramesOfPack;
  readonly bad: readonly { readonly offset: number; readonly message: string }[];
  /** What is wrong with the pack, if anything. */
  readonly problem?: string;
}

/** Reads the whole pack: its name is its SHA-256, its table covers it, every frame opens. Throws where nothing can be told apart. */
export async function checkPack({ storage, pool, opener }: CheckParts, record: PackRecord): Promise<PackFindings> {
  const key = layout.pack(record.id);
  const bytes = await storage.read(key);
  const table = packTableOf(bytes, record.id, opener);
  const { frames, digests } = table;
  const { bad, bundles, sha256 } = await pool.run(
    'verify',
    { bytes, frames, digests, bundles: table.bundles, full: true, digest: true },
    { transfer: [bytes.buffer] },
  );
  const badFrames = bad.map(({ frame, message }) => ({ offset: frames[frame * 2] ?? 0, message }));
  const [first] = badFrames;
  const known = { frames, digests, bundles: new Map(bundles.map((each) => [each.frame, each])) };
  if (first !== undefined)
    return {
      frames: known,
      bad: badFrames,
      problem: `object ${key}, ${bad.length} bad frames, the first at byte ${first.offset}: ${first.message}`,
    };
  if (sha256 !== record.id)
    return { frames: known, bad: [], problem: `object ${key} does not have the SHA-256 that names it` };
  return { frames: known, bad: [] };
}
