import type { BlockRef } from '../../domain/entry.ts';

export interface FramesOfPack {
  /** Two numbers a frame: offset, length; offsets ascend. */
  readonly frames: Uint32Array;
  /** 32 bytes a frame. */
  readonly ids: Uint8Array;
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

  isGood([pack, offset, length, id]: BlockRef): boolean {
    const known = this.#packs.get(pack);
    if (known === undefined || this.#bad.has(`${pack}:${offset}`)) return false;
    const frame = findFrame(known.frames, offset);
    if (frame === undefined || known.frames[frame * 2 + 1] !== length) return false;
    return Buffer.from(id, 'hex').equals(known.ids.subarray(frame * 32, frame * 32 + 32));
  }
}

function findFrame(frames: Uint32Array, offset: number): number | undefined {
  let low = 0;
  let high = frames.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = frames[middle * 2] ?? 0;
    if (found === offset) return middle;
    if (found < offset) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
