/** Whether anybody does the work of an appliance. */
import type { Client } from '@temporalio/client';
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';

/** A poll lasts a minute: a poller that was not seen for longer is gone. */
const pollMs = 75_000;

/** A last request of a worker may come in after it told that it ends, by another clock besides. */
const afterGoodbyeMs = 5000;

/** True while a worker polls the appliance's task queue. */
export async function hasWorker(client: Client, { temporal }: Appliance): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: temporal.namespace,
    taskQueue: { name: temporal.taskQueue },
    taskQueueType: 1,
  });
  const seen = (pollers ?? []).filter(({ lastAccessTime }) => Date.now() - milliseconds(lastAccessTime) < pollMs);
  if (seen.length === 0) return false;
  const gone = await saidGoodbye(client, temporal);
  return seen.some(({ identity, lastAccessTime }) => {
    const goneAt = gone.get(identity ?? '') ?? 0;
    return goneAt === 0 || milliseconds(lastAccessTime) > goneAt + afterGoodbyeMs;
  });
}

/** Refuses at once where nobody would do the work: a run without a worker would wait in silence. */
export async function requireWorker(client: Client, appliance: Appliance): Promise<void> {
  if (await hasWorker(client, appliance)) return;
  throw new LifeboatError('Unreachable', `${noWorkerText(appliance)}; nothing was started`, { hint: workerHint });
}

export function noWorkerText({ temporal }: Appliance): string {
  return `no worker polls the task queue \`${temporal.taskQueue}\` at ${temporal.address}`;
}

export const workerHint = 'start one with `lifeboat worker`';

/** temporal.api.enums.v1.WorkerStatus, which the SDK does not export by name. */
const shuttingDown = 2;
const shutDown = 3;

/**
 * Identities of the workers that told the server that they end, with the time (milliseconds). The list of pollers keeps
 * them for a minute more. Empty where the server keeps no such list.
 */
async function saidGoodbye(
  client: Client,
  { namespace, taskQueue }: Appliance['temporal'],
): Promise<ReadonlyMap<string, number>> {
  const { workersInfo } = await client.workflowService
    .listWorkers({ namespace, query: `TaskQueue="${taskQueue}"` })
    .catch(() => ({ workersInfo: [] }));
  const last = new Map<string, { readonly startedAt: number; readonly goneAt: number }>();
  for (const { workerHeartbeat: beat } of workersInfo ?? []) {
    if (beat?.taskQueue !== taskQueue) continue;
    const identity = beat.workerIdentity ?? '';
    const startedAt = milliseconds(beat.startTime);
    const ended = beat.status === shuttingDown || beat.status === shutDown;
    // A process id comes again: the worker that was started last speaks for it.
    if (startedAt >= (last.get(identity)?.startedAt ?? 0))
      last.set(identity, { startedAt, goneAt: ended ? milliseconds(beat.heartbeatTime) : 0 });
  }
  return new Map([...last].map(([identity, { goneAt }]) => [identity, goneAt]));
}

function milliseconds(time: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
}
