/** What the Temporal server counts of itself, from its page of metrics. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ServerCounts {
  /** Writes of its database, of any kind. */
  readonly writes: number;
  /** Requests to its database that change nothing. */
  readonly reads: number;
  /** What Temporal calls actions, by their kind. */
  readonly actions: Readonly<Record<string, number>>;
  /** Calls of clients and workers, by method. */
  readonly requests: Readonly<Record<string, number>>;
  /** Polls of the namespace that are open right now. */
  readonly openPolls: { readonly workflow: number; readonly activity: number; readonly nexus: number };
}

export async function readServer(port: number, namespace: string): Promise<ServerCounts> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  return countsOf(parseSamples(await response.text()), namespace);
}

/** The page's lines but for comments and buckets of histograms. */
export function parseSamples(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const found = /^([a-z_]+)(?:\{(.*)\})? ([^ ]+)$/.exec(line);
    if (found === null || found[1]!.endsWith('_bucket')) return [];
    const labels = [...(found[2] ?? '').matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]);
    return [{ name: found[1]!, labels: Object.fromEntries(labels) as Record<string, string>, value: Number(found[3]) }];
  });
}

const reading = /^(Get|List|Read|Watch|Count|Describe|AssertShard)/;

export function countsOf(samples: readonly Sample[], namespace: string): ServerCounts {
  const database = samples.filter(({ name }) => name === 'persistence_requests');
  const isRead = ({ labels }: Sample): boolean => reading.test(labels['operation'] ?? '');
  const front = samples.filter(({ labels }) => labels['service_name'] === 'frontend');
  const polls = (method: string): number =>
    sum(
      front.filter(
        ({ name, labels }) =>
          name === 'service_pending_requests' && labels['namespace'] === namespace && labels['operation'] === method,
      ),
    );
  return {
    writes: sum(database.filter((sample) => !isRead(sample))),
    reads: sum(database.filter(isRead)),
    actions: byLabel(
      samples.filter(({ name, labels }) => name === 'action' && labels['namespace'] === namespace),
      'action_type',
    ),
    requests: byLabel(
      front.filter(({ name }) => name === 'service_requests'),
      'operation',
    ),
    openPolls: {
      workflow: polls('PollWorkflowTaskQueue'),
      activity: polls('PollActivityTaskQueue'),
      nexus: polls('PollNexusTaskQueue'),
    },
  };
}

/** What was counted between two looks; the open polls are those of the second. */
export function between(before: ServerCounts, after: ServerCounts): ServerCounts {
  return {
    writes: after.writes - before.writes,
    reads: after.reads - before.reads,
    actions: less(after.actions, before.actions),
    requests: less(after.requests, before.requests),
    openPolls: after.openPolls,
  };
}

export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}

function less(after: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>) {
  return Object.fromEntries(Object.entries(after).map(([key, value]) => [key, value - (before[key] ?? 0)]));
}

function sum(samples: readonly Sample[]): number {
  return samples.reduce((all, { value }) => all + value, 0);
}

function byLabel(samples: readonly Sample[], label: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { labels, value } of samples) {
    const key = labels[label] ?? '';
    counts[key] = (counts[key] ?? 0) + value;
  }
  return counts;
}
