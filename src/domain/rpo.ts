/** How far the ages of what can be restored, and of what was proven, have come towards their objectives. Pure. */
import type { Tier } from './component.ts';
import { formatDuration } from './duration.ts';

/** Reached marks, in order: people are told at each. */
export const rpoLevels = ['ok', 'half', 'most', 'breached'] as const;
export type RpoLevel = (typeof rpoLevels)[number];

/** `recoverable` counts from the newest moment that can be restored, `verified` from the newest copy that was verified. */
export type RpoClock = 'recoverable' | 'verified';

export interface RpoReading {
  readonly clock: RpoClock;
  /** `repository` or a location. */
  readonly place: string;
  /** Whether it would be left if this host were lost. */
  readonly offHost: boolean;
  readonly component: string;
  readonly tier: Tier;
  /** Null without any copy. Where no copy was ever verified, of the oldest one. */
  readonly ageSeconds: number | null;
  /** ISO 8601, of the newest verified copy; null without one. */
  readonly verifiedUntil: string | null;
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

/** Levels of the last look, by place, component and clock. */
export type RpoLevels = Readonly<Record<string, RpoLevel>>;

export function levelsOf(readings: readonly RpoReading[]): RpoLevels {
  return Object.fromEntries(readings.map((reading) => [keyOf(reading), reading.level]));
}

export function keyOf({ place, component, clock }: Pick<RpoReading, 'place' | 'component' | 'clock'>): string {
  return clock === 'recoverable' ? `${place}/${component}` : `${place}/${component}/${clock}`;
}

const clocks = ['recoverable', 'verified'] as const;

const words: Readonly<Record<RpoClock, Readonly<Record<RpoLevel | 'well', string>>>> = {
  recoverable: {
    ok: '',
    half: 'RPO at 50 %',
    most: 'RPO at 80 %',
    breached: 'RPO BREACHED',
    well: 'RPO met again',
  },
  verified: {
    ok: '',
    half: 'Verification at 50 % of its time',
    most: 'Verification at 80 % of its time',
    breached: 'VERIFICATION OVERDUE',
    well: 'Verified again',
  },
};

/** What is news since the last look: what rose, and what is well again. One text for each place and clock; off the host first. */
export function rpoNews(readings: readonly RpoReading[], before: RpoLevels): string[] {
  const ordered = [...readings].sort((a, b) => Number(b.offHost) - Number(a.offHost));
  const places = [...new Set(ordered.map(({ place }) => place))];
  const groups = places.flatMap((place) => clocks.map((clock) => ({ place, clock })));
  return groups.flatMap(({ place, clock }) => {
    const own = ordered.filter((reading) => reading.place === place && reading.clock === clock);
    const rose = own.filter((reading) => rank(reading.level) > rank(before[keyOf(reading)] ?? 'ok'));
    const well = own.filter((reading) => reading.level === 'ok' && before[keyOf(reading)] === 'breached');
    const where = `${place}${own.some(({ offHost }) => offHost) ? ' (off the host)' : ''}`;
    return [
      ...(rose.length === 0 ? [] : [`${words[clock][worstOf(rose)]} in ${where}: ${rose.map(describe).join('; ')}`]),
      ...(well.length === 0
        ? []
        : [`${words[clock].well} in ${where}: ${well.map(({ component }) => component).join(', ')}`]),
    ];
  });
}

function worstOf(readings: readonly RpoReading[]): RpoLevel {
  return rpoLevels[Math.max(...readings.map(({ level }) => rank(level)))] ?? 'ok';
}

function describe({ component, ageSeconds, objectiveSeconds, reason }: RpoReading): string {
  const age = ageSeconds === null ? 'no copy' : `${formatDuration(ageSeconds)} old`;
  return `${component} ${age}, at most ${formatDuration(objectiveSeconds)}${reason === '' ? '' : ` (${reason})`}`;
}

function rank(level: RpoLevel): number {
  return rpoLevels.indexOf(level);
}
