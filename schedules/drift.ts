/** In what a schedule on the server differs from what the configuration says. */
import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { parseCron } from '../src/config/cron.ts';
import type { DesiredSchedule } from './desired.ts';

type Described = Awaited<ReturnType<Client['workflowService']['describeSchedule']>>;

interface Range {
  readonly start?: number | null;
  readonly end?: number | null;
  readonly step?: number | null;
}

const overlapNumbers = { SKIP: 1, BUFFER_ONE: 2 } as const;

/** Words for people, empty where nothing differs. What the server keeps of a cron line is its values: those are compared. */
export async function driftOf(client: Client, desired: DesiredSchedule): Promise<string[]> {
  const described = await client.workflowService.describeSchedule({
    namespace: client.options.namespace,
    scheduleId: desired.scheduleId,
  });
  const { spec, policies, action } = described.schedule ?? {};
  const found: string[] = [];
  if (!sameCalendar(desired, described)) found.push('times');
  if ((spec?.timezoneName ?? '') !== (desired.spec.timezone ?? '')) found.push('time zone');
  if (secondsOf(spec?.jitter) !== millisOf(desired.spec.jitter)) found.push('jitter');
  const overlap = desired.policies?.overlap as keyof typeof overlapNumbers;
  if (policies?.overlapPolicy !== overlapNumbers[overlap]) found.push('overlap');
  if (secondsOf(policies?.catchupWindow) !== millisOf(desired.policies?.catchupWindow)) found.push('catch-up');
  if (action?.startWorkflow?.workflowType?.name !== desired.action.workflowType) found.push('workflow');
  if (action?.startWorkflow?.taskQueue?.name !== desired.action.taskQueue) found.push('task queue');
  if (!isDeepStrictEqual(inputsOf(described), desired.action.args)) found.push('input');
  const attributes = Object.keys(action?.startWorkflow?.searchAttributes?.indexedFields ?? {});
  if (attributes.length < attributesOf(desired)) found.push('search attributes');
  return found;
}

/** Fewer on the server is a difference; what a namespace that lost its attributes still has is none. */
function attributesOf({ action }: DesiredSchedule): number {
  const { typedSearchAttributes: attributes } = action;
  return Array.isArray(attributes) ? attributes.length : 0;
}

/** Undefined where somebody wrote what no client of ours reads. */
function inputsOf({ schedule }: Described): unknown[] | undefined {
  try {
    return (schedule?.action?.startWorkflow?.input?.payloads ?? []).map((payload) =>
      defaultPayloadConverter.fromPayload(payload),
    );
  } catch {
    return undefined;
  }
}

function sameCalendar({ spec }: DesiredSchedule, { schedule }: Described): boolean {
  const [line = ''] = spec.cronExpressions ?? [];
  const own = parseCron(line);
  const [calendar, ...others] = schedule?.spec?.structuredCalendar ?? [];
  if (calendar === undefined || others.length > 0 || (schedule?.spec?.interval ?? []).length > 0) return false;
  const pairs: [readonly number[], readonly Range[] | null | undefined][] = [
    [[0], calendar.second],
    [own.minutes, calendar.minute],
    [own.hours, calendar.hour],
    [own.days, calendar.dayOfMonth],
    [own.months, calendar.month],
    [own.weekdays, calendar.dayOfWeek],
  ];
  return pairs.every(([values, ranges]) => values.join() === valuesOf(ranges ?? []).join());
}

function valuesOf(ranges: readonly Range[]): number[] {
  const values = new Set<number>();
  for (const { start, end, step } of ranges) {
    const first = start ?? 0;
    // The server leaves out an end that equals the start.
    const last = Math.max(first, end ?? 0);
    for (let value = first; value <= last; value += Math.max(1, step ?? 1)) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

function secondsOf(duration: { seconds?: unknown } | null | undefined): number {
  return Number(duration?.seconds ?? 0);
}

function millisOf(duration: string | number | undefined): number {
  return Number(duration ?? 0) / 1000;
}
