/** What runs by itself: every schedule that there is, with the defaults that lifeboat.yaml may change. */
import type { ComponentKind, Tier } from './component.ts';

/** `SKIP` leaves out a run that is due while the last one is open, `BUFFER_ONE` lets one follow. */
export const overlaps = ['SKIP', 'BUFFER_ONE'] as const;

export interface ScheduleConfig {
  readonly cron: string;
  readonly timeZone: string;
  readonly overlap: (typeof overlaps)[number];
  /** How late a missed run may still begin. */
  readonly catchupSeconds: number;
  /** A run begins up to this much later than its time, by chance. */
  readonly jitterSeconds: number;
  readonly enabled: boolean;
}

/** What decides whether there is something to run for. */
export interface ScheduledFor {
  readonly components: readonly { readonly kind: ComponentKind; readonly tier: Tier }[];
  readonly locations: readonly unknown[];
}

export interface ScheduleKind {
  readonly workflow: string;
  /** In words, for the reference and for the runs it starts. */
  readonly about: string;
  readonly defaults: Omit<ScheduleConfig, 'timeZone' | 'enabled'>;
  /** The input of its runs; an empty one changes nothing. */
  readonly input?: Readonly<Record<string, boolean>>;
  /** Without it there is nothing to run for. */
  readonly isNeeded: (appliance: ScheduledFor) => boolean;
}

const always = (): boolean => true;
const hour = 3600;

/** Appliances that share a server do not all begin at once: 1,000 full backups at 02:00 wait for each other otherwise. */
const defaultJitter = 10 * 60;

/** A run that takes longer than its period never overlaps itself: it is left out, or follows when the first has ended. */
export const scheduleKinds = {
  'backup-full': {
    workflow: 'fullBackup',
    about: 'the daily full backup',
    defaults: { cron: '0 2 * * *', overlap: 'SKIP', catchupSeconds: 6 * hour, jitterSeconds: defaultJitter },
    isNeeded: always,
  },
  'backup-incremental': {
    workflow: 'incrementalBackup',
    about: 'what changed since, every six hours; the full backup takes the place of the one at 02:00',
    defaults: { cron: '0 8,14,20 * * *', overlap: 'BUFFER_ONE', catchupSeconds: hour, jitterSeconds: defaultJitter },
    isNeeded: always,
  },
  // Three in the hour, at most 23 minutes apart: half of the objective of an hour is never reached while all is well.
  'backup-critical': {
    workflow: 'criticalBackup',
    about: 'components of the tier `critical`, as often as their objective asks for',
    defaults: { cron: '5,25,45 * * * *', overlap: 'BUFFER_ONE', catchupSeconds: hour / 4, jitterSeconds: 3 * 60 },
    isNeeded: ({ components }) => components.some(({ tier }) => tier === 'critical'),
  },
  'backup-monitoring': {
    workflow: 'monitoringBackup',
    about: 'components of the tier `monitoring`',
    defaults: { cron: '30 */4 * * *', overlap: 'SKIP', catchupSeconds: 2 * hour, jitterSeconds: defaultJitter },
    isNeeded: ({ components }) => components.some(({ tier }) => tier === 'monitoring'),
  },
  'backup-configuration': {
    workflow: 'configurationBackup',
    about: 'components of the tier `configuration`, also where no change was seen',
    defaults: { cron: '30 14 * * *', overlap: 'SKIP', catchupSeconds: 6 * hour, jitterSeconds: defaultJitter },
    isNeeded: ({ components }) => components.some(({ tier }) => tier === 'configuration'),
  },
  replicate: {
    workflow: 'replicate',
    about: 'a sweep over all locations: what the copying after each backup left open',
    defaults: { cron: '0 5 * * *', overlap: 'BUFFER_ONE', catchupSeconds: 6 * hour, jitterSeconds: defaultJitter },
    isNeeded: ({ locations }) => locations.length > 0,
  },
  'verify-daily': {
    workflow: 'verifyDaily',
    about: 'reads the newest recovery point again in every place, and a share of everything else',
    defaults: { cron: '0 3 * * *', overlap: 'BUFFER_ONE', catchupSeconds: 6 * hour, jitterSeconds: defaultJitter },
    isNeeded: always,
  },
  'prove-weekly': {
    workflow: 'proveBackup',
    about: 'restores everything beside the live data, opens it in private, and removes it again',
    defaults: { cron: '0 4 * * 0', overlap: 'SKIP', catchupSeconds: 24 * hour, jitterSeconds: defaultJitter },
    isNeeded: always,
  },
  'rpo-watch': {
    workflow: 'rpoWatch',
    about: 'compares the age of what can be restored with its objective, in every place',
    defaults: { cron: '*/5 * * * *', overlap: 'SKIP', catchupSeconds: 60, jitterSeconds: 4 * 60 },
    isNeeded: always,
  },
  retention: {
    workflow: 'retention',
    about: 'removes recovery points whose time is over, and what none needs any more',
    defaults: { cron: '0 6 * * *', overlap: 'SKIP', catchupSeconds: 6 * hour, jitterSeconds: defaultJitter },
    input: { apply: true },
    isNeeded: always,
  },
} as const satisfies Readonly<Record<string, ScheduleKind>>;

export type ScheduleName = keyof typeof scheduleKinds;

export type Schedules = Readonly<Record<ScheduleName, ScheduleConfig>>;

export const scheduleNames = Object.keys(scheduleKinds) as ScheduleName[];

export function scheduleKindOf(name: ScheduleName): ScheduleKind {
  return scheduleKinds[name];
}

/** By how much a schedule that starts this workflow may begin it later than its time. */
export function jitterOf({ schedules }: { readonly schedules: Schedules }, workflow: string): number {
  const own = scheduleNames.filter((name) => scheduleKindOf(name).workflow === workflow);
  return Math.max(0, ...own.map((name) => schedules[name].jitterSeconds));
}

/** Those that there is something to run for, with what the configuration says of them. */
export function neededSchedules(
  appliance: ScheduledFor & { readonly schedules: Schedules },
): { readonly name: ScheduleName; readonly kind: ScheduleKind; readonly config: ScheduleConfig }[] {
  return scheduleNames
    .filter((name) => scheduleKindOf(name).isNeeded(appliance))
    .map((name) => ({ name, kind: scheduleKindOf(name), config: appliance.schedules[name] }));
}
