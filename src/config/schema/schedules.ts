/** The schedules of lifeboat.yaml. */
import { z } from 'zod';
import { scheduleKinds, type ScheduleKind, type ScheduleName, overlaps } from '../../domain/schedules.ts';
import { isCron } from '../cron.ts';
import { duration } from './scalars.ts';

function isTimeZone(name: string): boolean {
  // The default, for each schedule: asking for the first zone takes 10 ms.
  if (name === 'UTC') return true;
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const scheduleOf = ({ cron, overlap, catchupSeconds, jitterSeconds }: ScheduleKind['defaults']) =>
  z.strictObject({
    cron: z
      .string()
      .default(cron)
      .refine(isCron, {
        error: 'five cron fields (minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-7), for example `0 2 * * *`',
      })
      .describe('when it runs: minute, hour, day of the month, month, day of the week, as cron writes them'),
    timeZone: z
      .string()
      .refine(isTimeZone, { error: 'an IANA time zone, for example `UTC` or `Europe/Berlin`' })
      .default('UTC')
      .describe('IANA time zone; zones with daylight saving skip or repeat an hour'),
    catchup: duration.default(catchupSeconds).describe('how late a missed run may still begin'),
    overlap: z
      .enum(overlaps)
      .default(overlap)
      .describe('what becomes of a run that is due while the last one is open: left out, or one of them follows'),
    jitter: duration.default(jitterSeconds).describe('a run begins up to this much later than its time, by chance'),
    enabled: z.boolean().default(true).describe('`false` removes the schedule from the server'),
  });

export function scheduled(name: ScheduleName) {
  const { about, defaults } = scheduleKinds[name];
  return scheduleOf(defaults).prefault({}).describe(`${about}; \`${defaults.cron}\` where nothing is said`);
}
