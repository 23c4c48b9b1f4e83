/** Starts and stops the traffic, and counts what of it was lost. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { decodeLines } from '../app/pickle-lines.ts';
import { appUrl, databaseName, type SampleAppliance } from '../description.ts';
import { withClient } from '../seed/with-client.ts';
import { acknowledgementFile, readAcknowledgements, type Acknowledgement } from './acknowledgements.ts';

export interface Traffic {
  /** Acknowledged so far. */
  acknowledged(): Promise<Readonly<Record<Acknowledgement['kind'], number>>>;
  /** Lets the write under way end; proven gone when it returns. May be called twice. */
  stop(): Promise<void>;
}

export interface TrafficPace {
  readonly recordEveryMs?: number;
  /** Longer than the vector store's quiet window: the index is saved as a whole each time. */
  readonly vectorEveryMs?: number;
}

export async function startTraffic(appliance: SampleAppliance, pace: TrafficPace = {}): Promise<Traffic> {
  const file = acknowledgementFile(appliance);
  await mkdir(appliance.folders.acknowledgements, { recursive: true });
  const script = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = fork(
    script,
    [appUrl(appliance), file, String(pace.recordEveryMs ?? 50), String(pace.vectorEveryMs ?? 4000)],
    { execArgv: ['--no-warnings'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const exited = once(child, 'exit');
  return {
    acknowledged: async () => {
      const all = await readAcknowledgements(file);
      const vector = all.filter(({ kind }) => kind === 'vector').length;
      return { record: all.length - vector, vector };
    },
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

export interface Losses {
  readonly acknowledged: { readonly rows: number; readonly keys: number; readonly vectors: number };
  readonly lost: { readonly rows: number; readonly keys: number; readonly vectors: number };
  /** When the oldest lost write was acknowledged: the measured recovery point. Undefined where nothing was lost. */
  readonly firstLostAt: Date | undefined;
  /** The same of the database alone. */
  readonly firstLostRowAt: Date | undefined;
}

/** Compares the acknowledgements with what the restored engines hold. Engines run; the traffic does not. */
export async function countLosses(appliance: SampleAppliance): Promise<Losses> {
  const all = await readAcknowledgements(acknowledgementFile(appliance));
  const records = all.filter(({ kind }) => kind === 'record');
  const vectors = all.filter(({ kind }) => kind === 'vector');
  const lostRows = missing(records, await readRows(appliance));
  const lostKeys = missing(records, await readKeys(appliance, records));
  const lostVectors = missing(vectors, await readVectors(appliance));
  return {
    acknowledged: { rows: records.length, keys: records.length, vectors: vectors.length },
    lost: { rows: lostRows.length, keys: lostKeys.length, vectors: lostVectors.length },
    firstLostAt: earliest([...lostRows, ...lostKeys, ...lostVectors]),
    firstLostRowAt: earliest(lostRows),
  };
}

function earliest(lost: readonly Acknowledgement[]): Date | undefined {
  const times = lost.map(({ at }) => Date.parse(at));
  return times.length === 0 ? undefined : new Date(times.reduce((a, b) => Math.min(a, b)));
}

function missing(acknowledged: readonly Acknowledgement[], present: ReadonlySet<number>): Acknowledgement[] {
  return acknowledged.filter(({ number }) => !present.has(number));
}

async function readRows(appliance: SampleAppliance): Promise<Set<number>> {
  return withClient(appliance, databaseName, async (client) => {
    const { rows } = await client.query<{ resource_id: string }>(
      `select resource_id from audit_logs where event_type = 'traffic'`,
    );
    return new Set(rows.map(({ resource_id: id }) => Number(id)));
  });
}

async function readKeys(
  { ports, passwords }: SampleAppliance,
  records: readonly Acknowledgement[],
): Promise<Set<number>> {
  if (records.length === 0) return new Set();
  const redis = new Redis({ host: '127.0.0.1', port: ports.redis, password: passwords.redis, maxRetriesPerRequest: 3 });
  try {
    const values = await redis.mget(records.map(({ number }) => `traffic:${number}`));
    return new Set(values.flatMap((value) => (value === null ? [] : [Number(value)])));
  } finally {
    redis.disconnect();
  }
}

async function readVectors({ folders }: SampleAppliance): Promise<Set<number>> {
  const lines = decodeLines(await readFile(join(folders.vectorstore, 'faiss_index.pkl')));
  return new Set(
    lines.flatMap((line) => {
      const number = /^traffic vector (\d+):/.exec(line)?.[1];
      return number === undefined ? [] : [Number(number)];
    }),
  );
}
