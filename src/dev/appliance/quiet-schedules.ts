import { scheduleNames } from '../../domain/schedules.ts';

/** For stages on which nothing may come in between: every other schedule runs once a year, and nothing verifies by itself. */
export function quietSchedules(...besides: readonly string[]): Readonly<Record<string, { readonly cron: string }>> {
  const quiet = scheduleNames.filter((name) => !besides.includes(name));
  return Object.fromEntries(quiet.map((name) => [name, { cron: '0 2 1 1 *' }]));
}
