/** Starts runs, each once for the key that it is asked with. */
import { createHash } from 'node:crypto';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { WorkflowType } from '../domain/workflow-types.ts';
import type { InputOf } from '../inputs/workflow-inputs.ts';
import { noteStarted } from './open-here.ts';
import { isUnreachable } from './temporal/connection.ts';
import { runAttributes } from './temporal/run-attributes.ts';
import { requireWorker, workerHint } from './temporal/workers.ts';

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
  /** Throws what stands in the way of a new run; not called where the key's run is there already. Nothing does by default. */
  readonly mayStart?: () => Promise<void>;
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
  { summary, idempotencyKey, mayStart, listener }: StartOptions,
): Promise<WorkflowHandle> {
  // Loaded here: most commands start nothing.
  const { checkInput } = await import('../inputs/check-input.ts');
  const checked = checkInput(type, input, appliance);
  const workflowId =
    idempotencyKey === undefined
      ? newRunId(type, appliance, new Date())
      : `${type}/${appliance.name}/${checkedKey(idempotencyKey)}`;
  const request = digestOf(checked);
  const handle = client.workflow.getHandle(workflowId);
  if (idempotencyKey !== undefined && (await isStarted(handle, request, idempotencyKey))) {
    listener?.onStarted(workflowId);
    return handle;
  }
  await requireWorker(client, appliance);
  await mayStart?.();
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
    // Another one asked with the same key meanwhile.
    if (
      error instanceof WorkflowExecutionAlreadyStartedError &&
      idempotencyKey !== undefined &&
      (await isStarted(handle, request, idempotencyKey))
    ) {
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

/** Whether the key's run is there; Precondition where it is of another request. */
async function isStarted(handle: WorkflowHandle, request: string, key: string): Promise<boolean> {
  const run = await handle.describe().catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  });
  if (run === undefined) return false;
  if (run.memo?.['request'] === request) return true;
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
