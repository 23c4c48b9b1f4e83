/** Lists runs and looks at them. Progress in bytes is read from the heartbeats of pending activities. */
import {
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowExecutionInfo,
  type WorkflowHandle,
} from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';
import { messageNames } from '../../workflows/message-names.ts';
import type { RunView } from '../../workflows/messages.ts';
import type { Appliance } from '../domain/appliance.ts';
import { causes } from '../domain/causes.ts';
import { errorCatalogue, LifeboatError, type ErrorCode } from '../domain/errors.ts';
import { backgroundWorkflows, foregroundWorkflows } from '../domain/workflow-types.ts';
import { PartialBackup } from './partial-backup.ts';
import { applianceKey, areRegistered } from './temporal/run-attributes.ts';
import { pendingStepOf, type PendingStep } from './temporal/pending-activity.ts';
import type { RunSummary } from './run-summary.ts';

export interface RunSnapshot {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly status: string;
  readonly startedAt: string;
  /** What was written on the run when it was started: who asked for what. */
  readonly summary: string;
  readonly historyLength: number;
  /** Undefined while no worker answers. */
  readonly view: RunView | undefined;
  readonly pending: readonly PendingStep[];
}

/** The workflow that a run is of. NotFound. */
export async function typeOfRun(client: Client, workflowId: string): Promise<string> {
  return (await describeRun(client.workflow.getHandle(workflowId))).type;
}

/** Whether the run goes on. NotFound. */
export async function isOpen(client: Client, workflowId: string): Promise<boolean> {
  return (await describeRun(client.workflow.getHandle(workflowId))).status.name === 'RUNNING';
}

async function describeRun(handle: WorkflowHandle): Promise<WorkflowExecutionDescription> {
  try {
    return await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw unknownRun(handle.workflowId);
    throw error;
  }
}

export async function snapshot(client: Client, workflowId: string): Promise<RunSnapshot> {
  const handle = client.workflow.getHandle(workflowId);
  const description = await describeRun(handle);
  const pending = (description.raw.pendingActivities ?? []).map((activity) => pendingStepOf(activity, new Date()));
  return {
    workflowId,
    runId: description.runId,
    type: description.type,
    status: description.status.name,
    startedAt: description.startTime.toISOString(),
    summary: (await description.staticSummary()) ?? '',
    historyLength: description.historyLength,
    view: await queryView(client, handle, description.status.name),
    pending,
  };
}

/** Without a live worker a query is answered by nobody. */
const queryMs = 3000;

/** Undefined without a live worker: the rest of the snapshot still tells something. */
async function queryView(client: Client, handle: WorkflowHandle, status: string): Promise<RunView | undefined> {
  if (status === 'TERMINATED') return undefined;
  try {
    return await client.withDeadline(Date.now() + queryMs, async () => handle.query<RunView>(messageNames.progress));
  } catch {
    return undefined;
  }
}

export function unknownRun(workflowId: string): LifeboatError {
  return new LifeboatError('NotFound', `Temporal knows no run \`${workflowId}\``, {
    hint: `the evidence of ended runs: \`lifeboat restore show ${workflowId}\``,
  });
}

/** The result, or the failure as one of our errors with the code that the run ended with. */
export async function resultOf<T>(handle: WorkflowHandle): Promise<T> {
  try {
    return (await handle.result()) as T;
  } catch (error) {
    if (error instanceof WorkflowFailedError) throw failureOf(error, handle.workflowId);
    throw error;
  }
}

function failureOf(error: WorkflowFailedError, workflowId: string): Error {
  let cause: unknown = error.cause;
  while (cause instanceof Error && !(cause instanceof ApplicationFailure) && cause.cause !== undefined)
    cause = cause.cause;
  if (cause instanceof CancelledFailure || cause instanceof TerminatedFailure)
    return new LifeboatError(
      'Aborted',
      `${workflowId} was ${cause instanceof CancelledFailure ? 'cancelled' : 'terminated'}`,
    );
  if (cause instanceof TimeoutFailure) return timedOut(error, workflowId);
  if (!(cause instanceof ApplicationFailure))
    return new LifeboatError('Internal', `${workflowId} failed: ${error.message}`);
  if (cause.type === 'BackupPartial') return new PartialBackup(cause.message);
  const { type } = cause;
  if (type === 'TimeoutFailure') return timedOut(error, workflowId);
  const code: ErrorCode = typeof type === 'string' && type in errorCatalogue ? (type as ErrorCode) : 'Internal';
  const hint = (cause.details?.[0] as { hint?: string } | undefined)?.hint;
  return new LifeboatError(code, cause.message, hint === undefined ? {} : { hint });
}

/** Its worker died, or hangs, and no other one took over for as long as the run allows. */
function timedOut(error: WorkflowFailedError, workflowId: string): LifeboatError {
  let cause: unknown = error.cause;
  while (cause instanceof Error && !(cause instanceof ActivityFailure) && cause.cause !== undefined)
    cause = cause.cause;
  const what = cause instanceof ActivityFailure ? `\`${cause.activityId ?? cause.activityType}\` of it` : 'it';
  return new LifeboatError('Unreachable', `${workflowId} failed: no worker ended ${what} in time`, {
    hint: causes.timedOut.hint,
  });
}

/** Open runs of the appliance, newest first; what runs in the background left out. */
export async function openRuns(client: Client, appliance: Appliance): Promise<RunSummary[]> {
  const found: RunSummary[] = [];
  for await (const run of client.workflow.list({
    query: `ExecutionStatus = 'Running' AND ${await queryOf(client, appliance, foregroundWorkflows)}`,
  })) {
    const { workflowId, type, status, startTime } = run;
    if (isRunOf(appliance.name, run) && !isBackground(type)) {
      found.push({ workflowId, type, status: status.name, startedAt: startTime.toISOString() });
    }
  }
  return found.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}

const isBackground = (type: string): boolean => backgroundWorkflows.some((each) => each === type);

/**
 * Not all that the namespace runs, for others live in it. By attribute, and by the ids that we give, for runs that could not be
 * given one; a run with an id of a person's own is found by its attribute alone.
 */
export async function queryOf(client: Client, { name }: Appliance, types: readonly string[]): Promise<string> {
  const ids = types.map((type) => `WorkflowId STARTS_WITH '${type}/${name}'`).join(' OR ');
  const own = (await areRegistered(client)) ? `LifeboatAppliance = '${name}' OR ` : '';
  return `(${own}${ids})`;
}

/**
 * A run says itself whose it is, whatever id a person gave it. Until it does, and where search attributes could not be
 * registered, its id says so: `restore/<appliance>/…` by hand, `fullBackup/<appliance>-<time>` by schedule. A longer name of
 * another appliance is not ours.
 */
export function isRunOf(
  appliance: string,
  { workflowId, typedSearchAttributes }: Pick<WorkflowExecutionInfo, 'workflowId' | 'typedSearchAttributes'>,
): boolean {
  const told = typedSearchAttributes.get(applianceKey);
  if (told !== undefined) return told === appliance;
  const rest = workflowId.slice(workflowId.indexOf('/') + 1);
  if (!rest.startsWith(appliance)) return false;
  return /^($|\/|-\d{4}-\d\d-\d\dT)/.test(rest.slice(appliance.length));
}
