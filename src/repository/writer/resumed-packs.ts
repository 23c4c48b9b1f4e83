/** Packs that a killed attempt made durable: what is in them, without an index. */
import { isLifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import type { BlockPlace } from '../block-table.ts';
import { blocksOfBundle } from '../bundle.ts';
import { digestsInBundle, frameKinds, type Opener } from '../frame.ts';
import { layout } from '../layout.ts';
import { readPackTable, type PackFrames } from '../pack.ts';
import type { PackRecord } from '../index-head.ts';

export interface ResumedPack {
  readonly record: PackRecord;
  readonly blocks: readonly (Omit<BlockPlace, 'pack'> & { readonly digest: Uint8Array })[];
}

interface Sources {
  readonly storage: Storage;
  readonly opener: Opener;
  readonly resumePacks: readonly string[];
  readonly warn: (message: string) => void;
}

/** A pack that does not read well is left out: its blocks are stored again. */
export async function readResumedPacks(sources: Sources, unusable: ReadonlySet<string>): Promise<ResumedPack[]> {
  const { storage, opener, resumePacks, warn } = sources;
  const packs: ResumedPack[] = [];
  for (const id of resumePacks) {
    if (unusable.has(id)) continue;
    try {
      const { size, ...table } = await readPackTable(storage, id, opener);
      packs.push({ record: { id, size }, blocks: await blocksOf(sources, id, table) });
    } catch (error) {
      if (!isLifeboatError(error, 'ObjectMissing', 'ObjectCorrupt')) throw error;
      warn(`a pack of the earlier attempt is not used: ${error.message}`);
    }
  }
  return packs;
}

/** The table names frames; what lies in a bundle, the bundle itself says. */
async function blocksOf(sources: Sources, id: string, table: PackFrames): Promise<ResumedPack['blocks']> {
  const blocks: (Omit<BlockPlace, 'pack'> & { readonly digest: Uint8Array })[] = [];
  for (const [frame, plainLength] of table.plainLengths.entries()) {
    const [offset = 0, length = 0] = table.frames.subarray(frame * 2, frame * 2 + 2);
    if (table.bundles.has(frame)) blocks.push(...(await bundled(sources, id, { offset, length })));
    else
      blocks.push({
        offset,
        length,
        plainLength,
        within: 0,
        digest: table.digests.subarray(frame * 32, frame * 32 + 32),
      });
  }
  return blocks;
}

async function bundled(
  { storage, opener }: Sources,
  id: string,
  frame: { readonly offset: number; readonly length: number },
): Promise<ResumedPack['blocks']> {
  const plain = opener.open(await storage.read(layout.pack(id), frame), frameKinds.bundle);
  const digests = digestsInBundle(plain);
  return (blocksOfBundle(plain) ?? []).map(({ at, length }, block) => ({
    ...frame,
    plainLength: length,
    within: at,
    digest: digests.subarray(block * 32, block * 32 + 32),
  }));
}
