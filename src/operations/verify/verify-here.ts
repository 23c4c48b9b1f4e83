/**
 * A verification in this process, which works with Temporal dead: a recovery point read again (L1, L3), what lies around it,
 * and, where that is asked, everything else that is stored. What is found damaged is written beside the points that need it.
 */
import type { ProgressState } from '../../domain/progress.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { Reread } from '../../repository/check/reread.ts';
import { layout } from '../../repository/layout.ts';
import type { Repository } from '../../repository/repository.ts';
import { lookAround } from './look-around.ts';
import { lostFailureText } from './lost-proofs.ts';
import { whyUnmoved } from './place.ts';
import { verifyPoint, type VerifyResult } from './recovery-point.ts';
import { brokenTexts, refute, refuteChains } from './refute.ts';

export interface VerifyHereOptions {
  /** The repository, or its copy in a location. */
  readonly repository: Repository;
  /** The repository itself; undefined where it cannot be opened. */
  readonly own: Repository | undefined;
  /** Name of the location; `repository` for the repository itself. */
  readonly place: string;
  readonly driver: (component: string) => Promise<Driver>;
  /** An id, a unique prefix, `newest` or `latest`. */
  readonly at: string;
  /** All where empty. */
  readonly components: readonly string[];
  /** Whether all packs and indexes are read, not only those of the point. */
  readonly everything: boolean;
  readonly onProgress: (state: ProgressState) => void;
  readonly signal: AbortSignal;
}

export interface VerifiedHere {
  readonly result: VerifyResult;
  /** What is damaged beside the point. */
  readonly damaged: readonly string[];
  /** Points and proofs that are gone. */
  readonly gone: readonly string[];
  readonly warnings: readonly string[];
  /** What was read beside the point; undefined where nothing was. */
  readonly rest: Reread | undefined;
  /** Whether nothing is damaged or gone. */
  readonly isWell: boolean;
}

export async function verifyHere(options: VerifyHereOptions): Promise<VerifiedHere> {
  const { repository, own, place, driver, at, components, onProgress, signal } = options;
  const point = { repository, at, components, levels: ['L1', 'L3'] as const, driver, onProgress, signal };
  const result = await verifyPoint({ ...point, orThrow: false });
  const around = await lookAround({ repository, own, place });
  const rest = await readRest(options);
  if (rest !== undefined) await refute(repository, rest, result.id);
  // What can be restored is read from the names of archived WAL: what is damaged must not promise anything.
  const unmoved = await whyUnmoved(async () => repository.quarantineWal(rest?.damagedWal ?? []));
  // The point itself has just been told of.
  const chains = around.chains.filter((broken) => broken.id !== result.id);
  await refuteChains(repository, chains);
  const damaged = [
    ...around.unreadable,
    ...chains.flatMap(brokenTexts),
    ...(rest === undefined ? [] : damagedIn(rest)),
    ...unmoved,
  ];
  // What this verification has just read again it tells itself.
  const failures = around.failures.filter((failure) => failure.id !== result.id);
  const gone = [...around.lost, ...failures.map(lostFailureText)];
  const warnings = [...around.gaps, ...around.scripts.problems, ...around.scripts.notes];
  return { result, damaged, gone, warnings, rest, isWell: result.ok && damaged.length + gone.length === 0 };
}

/**
 * Archived WAL and documents, of which no check of a point reads all; packs and indexes of other points only where that is
 * asked. Nothing where a chosen point or chosen components are looked at.
 */
async function readRest(options: VerifyHereOptions): Promise<Reread | undefined> {
  const { repository, at, components, everything, onProgress, signal } = options;
  if (!everything && (at !== 'newest' || components.length > 0)) return undefined;
  const all = { shares: [0], of: 1 } as const;
  return repository.reread({
    shares: everything ? all.shares : [],
    of: all.of,
    walShares: all.shares,
    walOf: all.of,
    documentShares: all.shares,
    documentOf: all.of,
    onProgress,
    signal,
  });
}

/** Keys of the objects that were found damaged. */
export function damagedIn({ damagedPacks, damagedIndexes, damagedWal, damagedDocuments }: Reread): string[] {
  return [...damagedPacks.map((id) => layout.pack(id)), ...damagedIndexes, ...damagedWal, ...damagedDocuments];
}
