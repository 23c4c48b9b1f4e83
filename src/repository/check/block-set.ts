import type { BlockRef } from '../../domain/entry.ts';
import type { BundleContents } from '../threads/jobs.ts';

export interface FramesOfPack {
  /** Two numbers a frame: offset, length; offsets ascend. */
  readonly frames: Uint32Array;
  /** 32 bytes a frame. */
  readonly digests: Uint8Array;
  /** What is in the frames that hold several blocks, by number; a bad one is absent. */
  readonly bundles: ReadonlyMap<number, Pick<BundleContents, 'places' | 'digests'>>;
}

/** What a check learned about the packs of one component: which frames are there, and which of them are bad. */
export class BlockSet {
  readonly #packs = new Map<number, FramesOfPack>();
  readonly #bad = new Set<string>();

  /** A pack that was never added has no good block. */
  addPack(pack: number, frames: FramesOfPack): void {
    this.#packs.set(pack, frames);
  }

  addBad(pack: number, offset: number): void {
    this.#bad.add(`${pack}:${offset}`);
  }

  isGood([pack, offset, length, digest, plainLength, within]: BlockRef): boolean {
    const known = this.#packs.get(pack);
    if (known === undefined || this.#bad.has(`${pack}:${offset}`)) return false;
    const frame = findFirst(known.frames, offset);
    if (frame === undefined || known.frames[frame * 2 + 1] !== length) return false;
    const bundle = known.bundles.get(frame);
    if (within === undefined) return bundle === undefined && isDigest(known.digests, frame, digest);
    const block = bundle === undefined ? undefined : findFirst(bundle.places, within);
    if (bundle === undefined || block === undefined) return false;
    return bundle.places[block * 2 + 1] === plainLength && isDigest(bundle.digests, block, digest);
  }
}

function isDigest(digests: Uint8Array, at: number, digest: string): boolean {
  return Buffer.from(digest, 'hex').equals(digests.subarray(at * 32, at * 32 + 32));
}

/** Index of the first of the ascending pairs that begins with the number. */
function findFirst(pairs: Uint32Array, wanted: number): number | undefined {
  let low = 0;
  let high = pairs.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = pairs[middle * 2] ?? 0;
    if (found === wanted) return middle;
    if (found < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
