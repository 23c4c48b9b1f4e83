/** Times as people write them: ISO 8601 with a zone, for without one the same text means another moment on another host. */
import { LifeboatError } from './errors.ts';
import { maxSkewSeconds } from './skew.ts';

const pattern = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$/;

/** The moment; InputInvalid where it is none. */
export function zonedTime(text: string): Date {
  const time = new Date(text);
  const [, year, month, day] = pattern.exec(text) ?? [];
  // 30 February would be a day of March.
  const isDay = new Date(`${year}-${month}-${day}T00:00Z`).getUTCDate() === Number(day);
  if (isDay && !Number.isNaN(time.getTime())) return time;
  throw new LifeboatError('InputInvalid', `\`${text}\` is not an ISO 8601 time with its zone`, {
    hint: 'write for example 2026-11-22T03:00:00Z or 2026-11-22T04:00:00.250+01:00',
  });
}

/** The same of something that has happened; InputInvalid where it lies ahead. */
export function pastTime(text: string, now: Date): Date {
  const time = zonedTime(text);
  if (time.getTime() <= now.getTime() + maxSkewSeconds * 1000) return time;
  throw new LifeboatError('InputInvalid', `\`${text}\` has not come yet, it is ${now.toISOString()}`, {
    hint: 'give the time at which it happened',
  });
}
