/** How far the age of what can be restored has come towards its objective. Pure. */
import type { Tier } from './component.ts';
import { formatDuration } from './duration.ts';

/** Reached marks, in order: people are told at each. */
export const rpoLevels = ['ok', 'half', 'most', 'breached'] as const;
export type RpoLevel = (typeof rpoLevels)[number];

export interface RpoReading {
  /** `repository` or a location. */
  readonly place: string;
  /** Whether it would be left if this host were lost. */
  readonly offHost: boolean;
  readonly component: string;
  readonly tier: Tier;
  /** Of the newest moment that can be restored; null without any copy. */
  readonly ageSeconds: number | null;
  /** Of the newest verified copy; null without one. */
  readonly verifiedAgeSeconds: number | null;
  readonly objectiveSeconds: number;
  readonly level: RpoLevel;
  /** Why it is what it is; empty where nothing is known against it. */
  readonly reason: string;
}

export function rpoLevel(ageSeconds: number | null, objectiveSeconds: number): RpoLevel {
  if (ageSeconds === null || ageSeconds >= objectiveSeconds) return 'breached';
  if (ageSeconds >= objectiveSeconds * 0.8) return 'most';
  return ageSeconds >= objectiveSeconds * 0.5 ? 'half' : 'ok';
}

/** Levels of the last look, by place and component. */
export type RpoLevels = Readonly<Record<string, RpoLevel>>;

export function levelsOf(readings: readonly RpoReading[]): RpoLevels {
  return Object.fromEntries(readings.map((reading) => [keyOf(reading), reading.level]));
}

export function keyOf({ place, component }: Pick<RpoReading, 'place' | 'component'>): string {
  return `${place}/${component}`;
}

/** What is news since the last look: what rose, and what is well again. One text for each place; off the host first. */
export function rpoNews(readings: readonly RpoReading[], before: RpoLevels): string[] {
  const ordered = [...readings].sort((a, b) => Number(b.offHost) - Number(a.offHost));
  const places = [...new Set(ordered.map(({ place }) => place))];
  return places.flatMap((place) => {
    const own = ordered.filter((reading) => reading.place === place);
    const rose = own.filter((reading) => rank(reading.level) > rank(before[keyOf(reading)] ?? 'ok'));
    const well = own.filter((reading) => reading.level === 'ok' && before[keyOf(reading)] === 'breached');
    const where = `${place}${own.some(({ offHost }) => offHost) ? ' (off the host)' : ''}`;
    return [
      ...(rose.length === 0 ? [] : [`${headline(rose)} in ${where}: ${rose.map(describe).join('; ')}`]),
      ...(well.length === 0 ? [] : [`RPO met again in ${where}: ${well.map(({ component }) => component).join(', ')}`]),
    ];
  });
}

function headline(rose: readonly RpoReading[]): string {
  const worst = Math.max(...rose.map(({ level }) => rank(level)));
  return { ok: '', half: 'RPO at 50 %', most: 'RPO at 80 %', breached: 'RPO BREACHED' }[rpoLevels[worst] ?? 'ok'];
}

function describe({ component, ageSeconds, objectiveSeconds, reason }: RpoReading): string {
  const age = ageSeconds === null ? 'no copy' : `${formatDuration(ageSeconds)} old`;
  return `${component} ${age}, at most ${formatDuration(objectiveSeconds)}${reason === '' ? '' : ` (${reason})`}`;
}

function rank(level: RpoLevel): number {
  return rpoLevels.indexOf(level);
}
