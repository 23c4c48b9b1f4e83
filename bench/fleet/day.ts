/** Which day is compressed, and how many runs the schedules of an appliance start in it. Pure. */
import { parseCron } from '../../src/config/cron.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import { neededSchedules, type ScheduleName } from '../../src/domain/schedules.ts';

export const dayMs = 24 * 3_600_000;

export interface DayOfSchedule {
  readonly name: ScheduleName;
  readonly workflow: string;
  readonly cron: string;
  readonly jitterSeconds: number;
  /** On a day on which it runs at all. */
  readonly runs: number;
  /** The share of days on which it does: 1, or 1/7 for one that is weekly. */
  readonly share: number;
}

/** Throws for a cron line that is bound to days of the month: no usual schedule is. */
export function dayOf(appliance: Appliance): DayOfSchedule[] {
  return neededSchedules(appliance)
    .filter(({ config }) => config.enabled)
    .map(({ name, kind, config: { cron, jitterSeconds } }) => {
      const { minutes, hours, days, months, weekdays } = parseCron(cron);
      if (days.length !== 31 || months.length !== 12) throw new RangeError(`\`${cron}\` is not the same in every week`);
      return {
        name,
        workflow: kind.workflow,
        cron,
        jitterSeconds,
        runs: minutes.length * hours.length,
        share: weekdays.length / 7,
      };
    });
}

export function runsADay(schedules: readonly DayOfSchedule[]): number {
  return schedules.reduce((sum, { runs, share }) => sum + runs * share, 0);
}

/** Midnight, UTC. */
export function nextSunday(now: number): number {
  const midnight = now - (now % dayMs) + dayMs;
  const ahead = (7 - new Date(midnight).getUTCDay()) % 7;
  return midnight + ahead * dayMs;
}
