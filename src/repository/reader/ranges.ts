/** Turns block references into few large reads. */
import type { BlockRef } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { layout } from '../layout.ts';
import type { StoredBlock } from '../threads/jobs.ts';
import { slabPlainBytes } from '../threads/slab.ts';
import type { Slab } from '../threads/slab.ts';
import type { PackTable } from '../index-head.ts';

interface Range {
  readonly pack: number;
  readonly offset: number;
  length: number;
}

export interface ReadPlan {
  readonly ranges: readonly { readonly key: string; readonly offset: number; readonly length: number }[];
  readonly blocks: readonly StoredBlock[];
}

/** Neighbours in a pack become one range; a block that is named twice is read once. ManifestInvalid for a place outside its pack. */
export function planReads(refs: readonly BlockRef[], packs: PackTable): ReadPlan {
  const ranges: Range[] = [];
  const seen = new Map<string, { readonly range: number; readonly at: number }>();
  const blocks = refs.map((ref): StoredBlock => {
    const [pack, offset, length, digest, plainLength, within] = ref;
    const record = packs.get(pack);
    if (record === undefined || offset + length > record.size)
      throw new LifeboatError(
        'ManifestInvalid',
        `an index names bytes ${offset}+${length} of pack ${pack}, which has no such place`,
      );
    const name = `${pack}:${offset}:${length}`;
    const place = seen.get(name) ?? extend(ranges, { pack, offset, length });
    seen.set(name, place);
    return {
      ...place,
      length,
      plainLength,
      digest,
      object: layout.pack(record.id),
      ...(within !== undefined && { within }),
    };
  });
  return {
    blocks,
    ranges: ranges.map(({ pack, offset, length }) => ({ key: layout.pack(packs.get(pack)?.id ?? ''), offset, length })),
  };
}

export async function readRanges(storage: Storage, plan: ReadPlan): Promise<Uint8Array<ArrayBuffer>[]> {
  return Promise.all(plan.ranges.map(({ key, offset, length }) => storage.read(key, { offset, length })));
}

/** The same into the memory of a slab; the views stand in the plan's order. ManifestInvalid if it does not hold them. */
export async function readRangesInto(storage: Storage, plan: ReadPlan, { bytes }: Slab): Promise<Buffer[]> {
  let end = 0;
  const places = plan.ranges.map((range) => {
    const begin = end;
    end += range.length;
    return { ...range, into: bytes.subarray(begin, end) };
  });
  if (end > bytes.length)
    throw new LifeboatError('ManifestInvalid', `an index names ${end} stored bytes for ${slabPlainBytes} of content`);
  await Promise.all(places.map(async ({ key, offset, into }) => storage.readInto(key, offset, into)));
  return places.map(({ into }) => into);
}

function extend(ranges: Range[], wanted: Range): { readonly range: number; readonly at: number } {
  const last = ranges.at(-1);
  if (last !== undefined && last.pack === wanted.pack && last.offset + last.length === wanted.offset) {
    const at = last.length;
    last.length += wanted.length;
    return { range: ranges.length - 1, at };
  }
  ranges.push(wanted);
  return { range: ranges.length - 1, at: 0 };
}
