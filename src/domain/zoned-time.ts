/** Times as people write them: ISO 8601 with a zone, for without one the same text means another moment on another host. */
import { LifeboatError } from './errors.ts';

const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$/;

/** The moment; InputInvalid where it is none. */
export function zonedTime(text: string): Date {
  const time = new Date(text);
  if (pattern.test(text) && !Number.isNaN(time.getTime())) return time;
  throw new LifeboatError('InputInvalid', `\`${text}\` is not an ISO 8601 time with its zone`, {
    hint: 'write for example 2026-11-22T03:00:00Z or 2026-11-22T04:00:00.250+01:00',
  });
}
