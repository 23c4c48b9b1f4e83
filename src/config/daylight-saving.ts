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
const quarterMs = 15 * minuteMs;
const dayMs = 24 * hourMs;
const weekMs = 7 * dayMs;
const daysAhead = 400;

/** The runs of the next 400 days that are left out or come twice, in order. */
export function clockChanges(cron: string, timeZone: string, now: Date): ClockChange[] {
  const times = parseCron(cron);
  return transitions(timeZone, now.getTime()).flatMap(({ at, before, after }): ClockChange[] => {
    const effect = after > before ? 'skipped' : 'twice';
    const [first, last] = [at + Math.min(before, after), at + Math.max(before, after)];
    const met: ClockChange[] = [];
    for (let clock = first; clock < last; clock += minuteMs)
      if (matches(times, new Date(clock)))
        met.push({ time: new Date(clock).toISOString().slice(0, 16).replace('T', ' '), effect });
    return met;
  });
}

interface Transition {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Looks at each week, and into those whose ends differ: each command reads the configuration, and a look takes a tenth of a
 * millisecond. No zone changes its clock and takes it back within a week.
 */
function transitions(timeZone: string, from: number): Transition[] {
  if (timeZone === 'UTC') return [];
  const offsetAt = offsetsOf(timeZone);
  const start = from - (from % dayMs);
  const found: Transition[] = [];
  const end = start + daysAhead * dayMs;
  for (let week = start; week < end; week += weekMs) {
    let [low, high] = [week, Math.min(week + weekMs, end)];
    const [before, after] = [offsetAt(low), offsetAt(high)];
    if (before === after) continue;
    // Clocks change on a quarter of an hour everywhere.
    while (high - low > quarterMs) {
      const middle = low + Math.floor((high - low) / quarterMs / 2) * quarterMs;
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    found.push({ at: high, before, after });
  }
  return found;
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

function matches({ minutes, hours, days, months, weekdays }: CronTimes, clock: Date): boolean {
  return (
    minutes.includes(clock.getUTCMinutes()) &&
    hours.includes(clock.getUTCHours()) &&
    days.includes(clock.getUTCDate()) &&
    months.includes(clock.getUTCMonth() + 1) &&
    weekdays.includes(clock.getUTCDay())
  );
}
