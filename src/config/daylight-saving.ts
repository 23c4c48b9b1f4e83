/**
 * Where a cron line meets a change of the clock. The server matches clock times literally: one that does not exist on a
 * day is left out, and one that comes twice runs twice.
 */
import { parseCron, type CronTimes } from './cron.ts';

export interface ClockChange {
  /** `2027-03-28 02:00`, by the zone's clock. */
  readonly time: string;
  readonly effect: 'skipped' | 'twice';
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const daysAhead = 400;

/** The runs of the next 400 days that are left out or come twice, in order. */
export function clockChanges(cron: string, timeZone: string, now: Date): ClockChange[] {
  const times = parseCron(cron);
  const offsetAt = offsetsOf(timeZone);
  return transitions(offsetAt, now.getTime()).flatMap(({ at, before, after }): ClockChange[] => {
    const effect = after > before ? 'skipped' : 'twice';
    const [first, last] = [at + Math.min(before, after), at + Math.max(before, after)];
    const met: ClockChange[] = [];
    for (let clock = first; clock < last; clock += minuteMs)
      if (matches(times, new Date(clock)))
        met.push({ time: new Date(clock).toISOString().slice(0, 16).replace('T', ' '), effect });
    return met;
  });
}

/** Milliseconds that the zone's clock is ahead of UTC. */
function offsetsOf(timeZone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  return (at) => {
    const text = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
    const match = /^GMT([+-])(\d\d):(\d\d)$/.exec(text);
    if (match === null) return 0;
    return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * hourMs + Number(match[3]) * minuteMs);
  };
}

function transitions(
  offsetAt: (at: number) => number,
  from: number,
): { readonly at: number; readonly before: number; readonly after: number }[] {
  const found = [];
  const start = from - (from % dayMs);
  for (let day = start; day < start + daysAhead * dayMs; day += dayMs) {
    if (offsetAt(day) === offsetAt(day + dayMs)) continue;
    // Clocks change on a quarter of an hour everywhere.
    for (let at = day; at < day + dayMs; at += 15 * minuteMs) {
      const [before, after] = [offsetAt(at), offsetAt(at + 15 * minuteMs)];
      if (before !== after) found.push({ at: at + 15 * minuteMs, before, after });
    }
  }
  return found;
}

function matches({ minutes, hours, days, months, weekdays }: CronTimes, clock: Date): boolean {
  return (
    minutes.includes(clock.getUTCMinutes()) &&
    hours.includes(clock.getUTCHours()) &&
    days.includes(clock.getUTCDate()) &&
    months.includes(clock.getUTCMonth() + 1) &&
    weekdays.includes(clock.getUTCDay())
  );
}
