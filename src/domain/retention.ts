/** Which recovery points may go. Pure: from what is known of all of them. */
import { isRefuted, type BackupId, type BackupType } from './recovery-point.ts';

export interface RetentionLimits {
  /** How long a recovery point stays, by its type, seconds. */
  readonly pointSeconds: Readonly<Record<BackupType, number>>;
  /** How far back any moment can be restored, seconds. */
  readonly walSeconds: number;
}

export interface RetentionPoint {
  readonly id: BackupId;
  readonly type: BackupType;
  /** ISO 8601, by the storage's clock; at the latest, where that clock was ahead. */
  readonly sealedAt: string;
  readonly success: boolean;
  /** What its proofs say together. */
  readonly state: string | undefined;
  readonly components: readonly {
    readonly id: string;
    readonly suspect: boolean;
    /** Recovery point of its base, where it is a position on one. */
    readonly base?: BackupId;
    /** Archived WAL may lead on from it. */
    readonly isBase: boolean;
    /** The timeline that the copy of a database was taken on. */
    readonly timeline?: number;
  }[];
}

export interface RetentionChoice {
  readonly keep: readonly { readonly id: BackupId; readonly reasons: readonly string[] }[];
  readonly remove: readonly { readonly id: BackupId; readonly type: BackupType; readonly ageSeconds: number }[];
}

/** The share of recovery points that may leave a place at once where nobody says otherwise. */
export const defaultMaxShare = 0.2;

/**
 * Whatever its age, a point stays that is held, the last verified (of all, of the full ones, of each component), the
 * newest good copy of a component, or a base of what is kept or of a moment in the window.
 */
export function chooseRetention(options: {
  /** Newest first. */
  readonly points: readonly RetentionPoint[];
  readonly limits: RetentionLimits;
  readonly holds: readonly BackupId[];
  /** By the storage's clock. */
  readonly now: Date;
}): RetentionChoice {
  const { points, limits, holds, now } = options;
  const reasons = new Map<BackupId, string[]>();
  const keep = (id: BackupId | undefined, reason: string): void => {
    if (id !== undefined) reasons.set(id, [...(reasons.get(id) ?? []), reason]);
  };
  for (const { id, type, sealedAt } of points)
    if (ageOf(sealedAt, now) <= limits.pointSeconds[type]) keep(id, 'within its time');
  for (const id of holds) keep(id, 'held');
  const verified = points.filter(({ state }) => state === 'verified');
  keep(verified[0]?.id, 'last verified');
  keep(verified.find(({ type }) => type === 'full')?.id, 'last verified full');
  keep(points.find(isGood)?.id, 'newest');
  const ids = new Set(points.flatMap(({ components }) => components.map(({ id }) => id)));
  for (const component of ids) {
    const good = points.filter(({ components }) => components.some(({ id, suspect }) => id === component && !suspect));
    keep(good.find(({ state }) => !isRefuted(state))?.id, `newest of ${component}`);
    keep(good.find(({ state }) => state === 'verified')?.id, `last verified of ${component}`);
    for (const id of basesOfWindow(points, component, limits.walSeconds, now)) keep(id, `base of ${component}`);
  }
  // Newest first: what a kept point stands on is older, and is met later.
  for (const { id, components } of points) {
    if (!reasons.has(id)) continue;
    for (const { base } of components) keep(base, `base of ${id}`);
  }
  return {
    keep: points.flatMap(({ id }) => {
      const own = reasons.get(id);
      return own === undefined ? [] : [{ id, reasons: own }];
    }),
    remove: points
      .filter(({ id }) => !reasons.has(id))
      .map(({ id, type, sealedAt }) => ({ id, type, ageSeconds: ageOf(sealedAt, now) })),
  };
}

/** Every base within the window, and those that its first moments begin at: after `restore undo` an older timeline goes on. */
function basesOfWindow(
  points: readonly RetentionPoint[],
  component: string,
  walSeconds: number,
  now: Date,
): BackupId[] {
  const bases = points.filter(
    ({ state, components }) =>
      !isRefuted(state) && components.some(({ id, isBase, suspect }) => id === component && isBase && !suspect),
  );
  const timelineOf = ({ components }: RetentionPoint): number | undefined =>
    components.find(({ id }) => id === component)?.timeline;
  const isOld = ({ sealedAt }: RetentionPoint): boolean => ageOf(sealedAt, now) > walSeconds;
  const lines = new Set(points.filter((point) => !isOld(point)).map(timelineOf));
  const old = bases.filter(isOld);
  const begins = [old[0], ...[...lines].map((line) => old.find((base) => timelineOf(base) === line))];
  const ids = [...bases.filter((base) => !isOld(base)), ...begins].flatMap((base) => base?.id ?? []);
  return [...new Set(ids)];
}

function isGood({ success, state, components }: RetentionPoint): boolean {
  return success && !isRefuted(state) && components.every(({ suspect }) => !suspect);
}

function ageOf(time: string, now: Date): number {
  return (now.getTime() - Date.parse(time)) / 1000;
}
