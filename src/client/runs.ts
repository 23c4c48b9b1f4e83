/** Starts, watches and steers runs. Progress in bytes is read from the heartbeats of pending activities. */
import { createHash } from 'node:crypto';
import {
  WorkflowExecutionAlreadyStartedError,
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
import { isUnreachable } from './temporal/connection.ts';
import type { InputOf } from '../inputs/workflow-inputs.ts';
import { backgroundWorkflows, foregroundWorkflows, type WorkflowType } from '../domain/workflow-types.ts';
import { noteStarted } from './open-here.ts';
import { PartialBackup } from './partial-backup.ts';
import { applianceKey, areRegistered, runAttributes } from './temporal/run-attributes.ts';
import { pendingStepOf, type PendingStep } from './temporal/pending-activity.ts';
import { requireWorker, workerHint } from './temporal/workers.ts';
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

/** Id of a run started by hand: `<type>/<appliance>/<UTC start>`. */
export function newRunId(type: string, appliance: Appliance, now: Date): string {
  return `${type}/${appliance.name}/${now.toISOString()}`;
}

/** What somebody is told who interrupts a start. */
export interface StartListener {
  /** The request leaves now: from here on the run may exist. */
  readonly onAsked: (workflowId: string) => void;
  /** It exists, and nothing was waited for yet. */
  readonly onStarted: (workflowId: string) => void;
}

export interface StartOptions {
  /** Who asks for what: shown beside the run. */
  readonly summary: string;
  /** However often it is asked with this key, one run is started, as long as the server remembers it. A new run where absent. */
  readonly idempotencyKey?: string | undefined;
  readonly listener?: StartListener;
}

/**
 * InputInvalid for an input that the workflow would refuse; Precondition for a key that started another request. With a key
 * whose run is there already, whether open or ended, it gives that one.
 */
export async function startRun<T extends WorkflowType>(
  client: Client,
  appliance: Appliance,
  type: T,
  input: InputOf<T>,
  { summary, idempotencyKey, listener }: StartOptions,
): Promise<WorkflowHandle> {
  // Loaded here: most commands start nothing.
  const { checkInput } = await import('../inputs/check-input.ts');
  const checked = checkInput(type, input, appliance);
  await requireWorker(client, appliance);
  const workflowId =
    idempotencyKey === undefined
      ? newRunId(type, appliance, new Date())
      : `${type}/${appliance.name}/${checkedKey(idempotencyKey)}`;
  const request = digestOf(checked);
  const handle = client.workflow.getHandle(workflowId);
  listener?.onAsked(workflowId);
  try {
    await client.workflow.start(type, {
      workflowId,
      ...(await runAttributes(client, appliance, type)),
      taskQueue: appliance.temporal.taskQueue,
      args: [checked],
      ...(idempotencyKey === undefined
        ? {}
        : { memo: { request }, workflowIdReusePolicy: 'REJECT_DUPLICATE' as const }),
      staticSummary: summary.slice(0, 200),
      priority: { priorityKey: type === 'restore' ? 1 : 3 },
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError && idempotencyKey !== undefined) {
      await requireSameRequest(handle, request, idempotencyKey);
      listener?.onStarted(workflowId);
      return handle;
    }
    if (!isUnreachable(error)) throw error;
    throw new LifeboatError(
      'Unreachable',
      `Temporal at ${appliance.temporal.address} does not answer any more; ${workflowId} may have been started`,
      { hint: `start the server again, then see \`lifeboat restore watch ${workflowId}\``, cause: error },
    );
  }
  noteStarted(workflowId);
  listener?.onStarted(workflowId);
  await requireTaken(handle, appliance);
  return handle;
}

const keyPattern = /^[\w.:-]{1,100}$/;

function checkedKey(key: string): string {
  if (keyPattern.test(key)) return key;
  throw new LifeboatError('InputInvalid', `the idempotency key \`${key}\` is not usable`, {
    hint: 'give 1 to 100 letters, digits, `_`, `.`, `:` or `-`',
  });
}

/** Who asks may differ: a program that took over from another one says the same request again. */
function digestOf(input: object): string {
  const { requestedBy: _by, ...request } = input as { readonly requestedBy?: string };
  const sorted = Object.entries(request).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}

async function requireSameRequest(handle: WorkflowHandle, request: string, key: string): Promise<void> {
  const { memo } = await handle.describe();
  if (memo?.['request'] === request) return;
  throw new LifeboatError(
    'Precondition',
    `the idempotency key \`${key}\` started another request: ${handle.workflowId}`,
    {
      hint: `see it with \`lifeboat restore watch ${handle.workflowId}\`, or take another key`,
    },
  );
}

/** A live worker takes a run within a second; a loaded one within a few. */
const takenMs = 20_000;

/** A worker that died a moment ago still shows as a poller: a run that nobody takes is withdrawn, it has done nothing yet. */
async function requireTaken(handle: WorkflowHandle, { temporal }: Appliance): Promise<void> {
  try {
    for (const end = Date.now() + takenMs; Date.now() < end;) {
      const { events } = await handle.fetchHistory();
      if ((events ?? []).some(({ workflowTaskStartedEventAttributes: started }) => started)) return;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await handle.terminate('no worker took it; withdrawn by the command line');
  } catch (error) {
    // It was started: who watches it waits for the server, and says so.
    if (isUnreachable(error)) return;
    throw error;
  }
  throw new LifeboatError(
    'Unreachable',
    `no worker took ${handle.workflowId} from the task queue \`${temporal.taskQueue}\` within ${takenMs / 1000} s; it was withdrawn`,
    { hint: workerHint },
  );
}

/** The workflow that a run is of. NotFound. */
export async function typeOfRun(client: Client, workflowId: string): Promise<string> {
  return (await describeRun(client.workflow.getHandle(workflowId))).type;
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

/** Id of the newest open restore, else of the newest open run. NotFound. */
export async function newestOpenRun(client: Client, appliance: Appliance): Promise<string> {
  const open = await openRuns(client, appliance);
  const newest = open.find(({ type }) => type === 'restore') ?? open[0];
  if (newest === undefined)
    throw new LifeboatError('NotFound', `no run of ${appliance.name} is open`, {
      hint: 'the last restore: `lifeboat restore show`',
    });
  return newest.workflowId;
}

/** Open runs of the appliance, newest first; what runs in the background left out. */
export async function openRuns(client: Client, appliance: Appliance): Promise<RunSummary[]> {
  const found: RunSummary[] = [];
  for await (const run of client.workflow.list({ query: await openQuery(client, appliance) })) {
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
async function openQuery(client: Client, { name }: Appliance): Promise<string> {
  const ids = foregroundWorkflows.map((type) => `WorkflowId STARTS_WITH '${type}/${name}'`).join(' OR ');
  const own = (await areRegistered(client)) ? `LifeboatAppliance = '${name}' OR ` : '';
  return `ExecutionStatus = 'Running' AND (${own}${ids})`;
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
