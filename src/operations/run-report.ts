/** The report of a run as it lies in the repository, read through a schema: another version may have written it. */
import { z } from 'zod';
import type { JsonValue } from '../domain/recovery-point.ts';
import { stateOfReport, type RunState } from '../domain/run-state.ts';

const step = z.object({
  id: z.string(),
  state: z.string().default(''),
  seconds: z.number().default(0),
  /** ISO time; absent before it began. */
  startedAt: z.string().optional(),
});

const failure = z.object({ component: z.string(), code: z.string(), message: z.string(), hint: z.string() }).partial();

const report = z.object({
  text: z.string().default(''),
  backup: z.string().default(''),
  endedAt: z.string().default(''),
  seconds: z.number().default(0),
  steps: z.array(step).catch([]),
  failure: failure.optional().catch(undefined),
});

export interface RunReport extends z.infer<typeof report> {
  readonly state: RunState;
}

/** Undefined for one that says no state, or is no report of a run. */
export function runReportOf(json: Readonly<Record<string, JsonValue>> | undefined): RunReport | undefined {
  const state = json === undefined ? undefined : stateOfReport(json);
  const parsed = report.safeParse(json);
  return state === undefined || !parsed.success ? undefined : { ...parsed.data, state };
}
