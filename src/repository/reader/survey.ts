/** The first pass over an index before a restore: everything is looked at, nothing is written. */
import type { OtherEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { pathBytes, pathKey } from '../entry-path.ts';
import type { Opener } from '../frame.ts';
import { readIndexEntries, readIndexHead } from '../index-object.ts';
import { planReads } from './ranges.ts';
import { LinkGuard } from './destination.ts';
import type { Destination, Destinations } from './destination.ts';
import type { PackTable } from '../index-head.ts';

export interface PlacedEntry {
  readonly entry: OtherEntry;
  readonly destination: Destination;
}

export interface Survey {
  readonly packs: PackTable;
  readonly bytes: number;
  readonly symlinks: readonly PlacedEntry[];
  readonly hardlinks: readonly (PlacedEntry & { readonly target: Destination })[];
}

/** Throws ManifestInvalid for the first entry that must not be restored. */
export async function surveyIndex(
  from: { readonly storage: Storage; readonly opener: Opener },
  indexId: string,
  destinations: Destinations,
  signal: AbortSignal | undefined,
): Promise<Survey> {
  const { storage, opener } = from;
  const { packs } = await readIndexHead(storage, indexId, opener);
  const symlinks: PlacedEntry[] = [];
  const hardlinks: PlacedEntry[] = [];
  const guard = new LinkGuard();
  let bytes = 0;
  for await (const entry of readIndexEntries(storage, indexId, opener, signal)) {
    const destination = destinations.of(entry);
    if (destination === undefined) continue;
    if (entry.type === 'file') {
      planReads(entry.blocks, packs);
      bytes += entry.size;
    } else if (entry.type === 'symlink') {
      guard.addLink(destination);
      symlinks.push({ entry, destination });
    } else if (entry.type === 'hardlink') hardlinks.push({ entry, destination });
  }
  const wanted = new Set(hardlinks.map(({ entry }) => targetKey(entry)));
  const targets = new Map<string, Destination>();
  if (!guard.isEmpty || hardlinks.length > 0) {
    for await (const entry of readIndexEntries(storage, indexId, opener, signal)) {
      const destination = destinations.of(entry);
      if (destination === undefined) continue;
      guard.assertNotBelowLink(destination, entry.path);
      const key = pathKey(pathBytes(entry));
      if (entry.type === 'file' && wanted.has(key)) targets.set(key, destination);
    }
  }
  return {
    packs,
    bytes,
    symlinks,
    hardlinks: hardlinks.map(({ entry, destination }) => {
      const target = targets.get(targetKey(entry));
      if (target === undefined)
        throw new LifeboatError(
          'ManifestInvalid',
          `hard link ${entry.path} names ${entry.target ?? 'nothing'}, which is no file of this restore`,
        );
      return { entry, destination, target };
    }),
  };
}

/** A hard link names a path of the same index. */
function targetKey({ target = '', targetBase64 }: OtherEntry): string {
  return pathKey(pathBytes({ path: target, ...(targetBase64 !== undefined && { pathBase64: targetBase64 }) }));
}
