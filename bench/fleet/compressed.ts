/** Names of the appliances whose day is compressed: one for each schedule, so that no run waits for the lock of another. */
import type { ScheduleName } from '../../src/domain/schedules.ts';

/** Archiving and watching work in shifts of an hour. */
export const shiftsADay = 24;

export function dayName(schedule: ScheduleName | 'always'): string {
  return `day${schedule.replaceAll('-', '')}`;
}

export function isOfDay(appliance: string): boolean {
  return appliance.startsWith('day');
}
