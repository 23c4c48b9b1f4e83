/**
 * What retention removes from a place, and what that place will hold. The plan is shown before anything goes; each check
 * that fails stops the removal, and says how to go on.
 */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { plural } from '../../domain/plural.ts';
import { isRefuted, type BackupId, type Manifest } from '../../domain/recovery-point.ts';
import {
  chooseRetention,
  type RetentionChoice,
  type RetentionLimits,
  type RetentionPoint,
} from '../../domain/retention.ts';
import { datedPoint, sealedAtLatest } from '../../domain/seal-order.ts';
import { maxSkewSeconds } from '../../domain/skew.ts';
import { sharedHint, sharedText } from '../../domain/whose-point.ts';
import type { Collected, Repository, Usage } from '../../repository/repository.ts';
import { expiredWal, type ExpiredWal } from './expired-wal.ts';
import type { ManifestListing } from '../../repository/manifest-listing.ts';

export interface RetentionOptions {
  /** The repository, or its copy in a location. */
  readonly repository: Repository;
  /** Reports may be there before the points that they tell of; false by default. */
  readonly isCopy?: boolean;
  readonly limits: RetentionLimits;
  readonly capacityBytes: number;
  /** Held anywhere. */
  readonly holds: readonly BackupId[];
  /** Our own clock. */
  readonly now: Date;
  /** The share of recovery points that may leave at once, 0 to 1. Defaults to 0.2. */
  readonly maxShare: number;
}

export interface RetentionPlan extends RetentionChoice {
  readonly wal: ExpiredWal;
  readonly usage: Usage;
  readonly forecast: Forecast;
  /** Why nothing is removed; empty where all may go. */
  readonly refusals: readonly string[];
}

export interface Forecast {
  /** Bytes, when what comes in each day has filled the time that points stay. */
  readonly settledBytes: number;
  readonly bytesPerDay: number;
  readonly capacityBytes: number;
  /** Until the capacity is passed; null where it never is. */
  readonly daysLeft: number | null;
}

const forecastDays = 7;
const daySeconds = 86_400;

/** Changes nothing. */
export async function planRetention(options: RetentionOptions): Promise<RetentionPlan> {
  const { repository, isCopy = false, limits, holds, maxShare } = options;
  const now = await repository.storage.now();
  const listings = await repository.listManifests();
  const manifests = listings.flatMap(({ manifest }) => manifest ?? []);
  const proofs = await repository.proofBook();
  const states = await proofs.states(manifests.map(({ timestamp }) => timestamp));
  const sealedAt = sealedAtLatest(listings.map(datedPoint), now);
  const points = manifests.map((manifest) => ({
    ...pointOf(manifest, states.get(manifest.timestamp)),
    sealedAt: sealedAt.get(manifest.timestamp) ?? manifest.lifeboat.sealedAt,
  }));
  const choice = chooseRetention({ points, limits, holds, now });
  const kept = new Set(choice.keep.map(({ id }) => id));
  const wal = await expiredWal(repository, {
    kept: manifests.filter(({ timestamp }) => kept.has(timestamp)),
    usable: new Set(points.filter(({ state }) => !isRefuted(state)).map(({ id }) => id)),
    walSeconds: limits.walSeconds,
    now,
  });
  const usage = await repository.usage(new Date(now.getTime() - forecastDays * daySeconds * 1000));
  return {
    ...choice,
    wal,
    usage,
    forecast: forecastOf(options, { usage, points, now }),
    refusals: [
      ...[...listings, ...(await repository.lostPoints({ reports: isCopy ? 'listed' : 'recent' }))].flatMap(
        ({ problem }) => (problem === undefined ? [] : [`${problem}: what it needs is not known`]),
      ),
      ...sharedRefusals(listings),
      ...clockRefusals(now, options.now),
      ...manifests
        .filter(({ timestamp }) => sealedAt.get(timestamp) === undefined)
        .map(
          ({ timestamp }) =>
            `recovery point ${timestamp} is from the future, and nothing was sealed after it: the next backup shows whether today's clock is right`,
        ),
      ...shareRefusals(points, choice, maxShare),
    ],
  };
}

/** Precondition with all refusals, before anything is removed. */
export async function applyRetention(
  options: RetentionOptions & { readonly holder: string; readonly signal: AbortSignal },
): Promise<{ readonly plan: RetentionPlan; readonly collected: Collected }> {
  const plan = await planRetention(options);
  if (plan.refusals.length > 0)
    throw new LifeboatError('Precondition', `nothing was removed: ${plan.refusals.join('; ')}`, {
      hint: 'look with `lifeboat retention plan`; more than usual leaves with `lifeboat retention run --max-share`; what is gone for good holds nothing up after `lifeboat backups forget`',
    });
  const collected = await options.repository.collect({
    keep: plan.keep.map(({ id }) => id),
    expire: plan.remove.map(({ id }) => id),
    wal: plan.wal.keys,
    holder: options.holder,
    signal: options.signal,
  });
  return { plan, collected };
}

function pointOf(
  { timestamp, success, lifeboat }: Manifest,
  state: string | undefined,
): Omit<RetentionPoint, 'sealedAt'> {
  return {
    id: timestamp,
    type: lifeboat.type,
    success,
    state,
    components: lifeboat.components.map(({ id, kind, suspect, chain, facts }) => ({
      id,
      suspect,
      isBase: kind === 'postgres' && chain === undefined,
      ...(typeof facts['timeline'] === 'number' ? { timeline: chain?.timeline ?? facts['timeline'] } : {}),
      ...(chain === undefined ? {} : { base: chain.base }),
    })),
  };
}

/** What one appliance keeps as its newest, or as the base of others, another one would make old. */
function sharedRefusals(listings: readonly ManifestListing[]): string[] {
  const text = sharedText(listings);
  return text === undefined ? [] : [`${text}; ${sharedHint}`];
}

/** A clock that jumped would make everything old at once. */
function clockRefusals(storageNow: Date, ownNow: Date): string[] {
  const skewSeconds = Math.abs(storageNow.getTime() - ownNow.getTime()) / 1000;
  if (skewSeconds <= maxSkewSeconds) return [];
  const apart = formatDuration(skewSeconds);
  return [`the storage's clock and ours are ${apart} apart (at most ${formatDuration(maxSkewSeconds)})`];
}

/** The frequent ones of a day leave every day: they are not counted. */
function shareRefusals(points: readonly RetentionPoint[], { remove }: RetentionChoice, maxShare: number): string[] {
  const all = points.filter(({ type }) => type !== 'critical').length;
  const leaving = remove.filter(({ type }) => type !== 'critical').length;
  if (all === 0 || leaving / all <= maxShare) return [];
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return [
    `${leaving} of ${plural(all, 'recovery point')} would leave, ${percent(leaving / all)}; at most ${percent(maxShare)} do in one run`,
  ];
}

function forecastOf(
  { limits, capacityBytes }: RetentionOptions,
  { usage, points, now }: { readonly usage: Usage; readonly points: readonly RetentionPoint[]; readonly now: Date },
): Forecast {
  const oldest = points.at(-1)?.sealedAt;
  const ageDays = oldest === undefined ? 0 : (now.getTime() - Date.parse(oldest)) / 1000 / daySeconds;
  const bytesPerDay = usage.recentBytes / Math.max(1, Math.min(forecastDays, ageDays));
  // The first full backup is no daily rate: a forecast needs a few days.
  const isKnown = ageDays >= 2;
  const daysToCome = isKnown ? Math.max(0, limits.pointSeconds.full / daySeconds - ageDays) : 0;
  const settledBytes = Math.round(usage.bytes + bytesPerDay * daysToCome);
  const room = capacityBytes - usage.bytes;
  const daysLeft = settledBytes <= capacityBytes ? null : bytesPerDay === 0 ? 0 : Math.max(0, room / bytesPerDay);
  return { settledBytes, bytesPerDay: isKnown ? Math.round(bytesPerDay) : 0, capacityBytes, daysLeft };
}

/** What a person must hear of the space, or nothing. */
export function capacityAlarm({ settledBytes, capacityBytes, daysLeft }: Forecast): string | undefined {
  if (daysLeft === null) return undefined;
  const when = daysLeft === 0 ? 'it is passed already' : `passed in ${formatDuration(daysLeft * daySeconds)}`;
  return `will hold ${formatBytes(settledBytes)}, more than its ${formatBytes(capacityBytes)}: ${when}`;
}
