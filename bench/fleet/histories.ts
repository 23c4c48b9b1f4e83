/** What the server keeps of runs: their number, events and bytes by type, and how long their tasks waited for a worker. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';

export interface TypeSums {
  readonly runs: number;
  readonly events: number;
  readonly bytes: number;
  readonly transitions: number;
}

type Page = Awaited<ReturnType<Client['workflowService']['listWorkflowExecutions']>>;
type Execution = Page['executions'][number];
type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** By type, of what a query finds; a run of weight 1/7 counts as a seventh. */
export async function sumsByType(
  client: Client,
  query: string,
  weightOf: (workflowId: string) => number = () => 1,
): Promise<Map<string, TypeSums>> {
  const sums = new Map<string, TypeSums>();
  for await (const execution of executions(client, query)) {
    const type = execution.type?.name ?? '';
    const weight = weightOf(execution.execution?.workflowId ?? '');
    const { runs, events, bytes, transitions } = sums.get(type) ?? { runs: 0, events: 0, bytes: 0, transitions: 0 };
    sums.set(type, {
      runs: runs + weight,
      events: events + weight * Number(execution.historyLength ?? 0),
      bytes: bytes + weight * Number(execution.historySizeBytes ?? 0),
      transitions: transitions + weight * Number(execution.stateTransitionCount ?? 0),
    });
  }
  return sums;
}

export async function* executions(client: Client, query: string): AsyncGenerator<Execution> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await client.workflowService.listWorkflowExecutions({
      namespace: client.options.namespace,
      query,
      pageSize: 1000,
      ...(nextPageToken === undefined ? {} : { nextPageToken }),
    });
    yield* page.executions;
    nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
  } while (nextPageToken !== undefined);
}

export async function countRuns(client: Client, query: string): Promise<number> {
  return (await client.workflow.count(query)).count;
}

/** Milliseconds between a task's scheduling and its start at a worker. */
export interface Waits {
  readonly workflow: number[];
  readonly activity: number[];
}

/** Waits of at most `most` runs, spread evenly over what the query finds. */
export async function waitsOf(client: Client, query: string, most: number): Promise<Waits> {
  const found: Execution[] = [];
  for await (const execution of executions(client, query)) found.push(execution);
  const step = Math.max(1, found.length / most);
  const waits: Waits = { workflow: [], activity: [] };
  for (let at = 0; at < found.length; at += step) {
    const { execution } = found[Math.floor(at)]!;
    const history = await client.workflow
      .getHandle(execution?.workflowId ?? '', execution?.runId ?? undefined)
      .fetchHistory();
    addWaits(history, waits);
  }
  return waits;
}

export function addWaits({ events }: History, { workflow, activity }: Waits): void {
  const at = new Map((events ?? []).map(({ eventId, eventTime }) => [String(eventId), tsToMs(eventTime)]));
  for (const event of events ?? []) {
    const task = event.workflowTaskStartedEventAttributes;
    const act = event.activityTaskStartedEventAttributes;
    const scheduled = at.get(String((task ?? act)?.scheduledEventId ?? ''));
    if (scheduled !== undefined) (task ? workflow : activity).push(tsToMs(event.eventTime) - scheduled);
  }
}

export function addSums(all: Iterable<TypeSums>): TypeSums {
  const sum = { runs: 0, events: 0, bytes: 0, transitions: 0 };
  for (const { runs, events, bytes, transitions } of all) {
    sum.runs += runs;
    sum.events += events;
    sum.bytes += bytes;
    sum.transitions += transitions;
  }
  return sum;
}

/** The value that a share of all is not above; undefined of none. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
