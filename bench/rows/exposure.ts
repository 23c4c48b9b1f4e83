/**
 * What a loss of the host in this moment would take: how long acknowledged commits are on their way into the archive,
 * under load of pgbench. Counted for the stream (received) and for the repository (durable).
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseLsn } from '../../src/domain/lsn.ts';
import { databaseName } from '../../src/dev/appliance/description.ts';
import { withClient } from '../../src/dev/appliance/seed/with-client.ts';
import { wireParts } from '../../workers/parts.ts';
import type { Bench } from '../bench.ts';
import { runCommand } from '../command.ts';
import { startArchiving } from '../lifeboat/archiving.ts';
import { initLifeboat } from '../lifeboat/lifeboat.ts';
import { clientEnvironment } from '../peers/sources.ts';

const sampleMs = 100;
/** As `lifeboat.yaml` has it where it says nothing. */
const sealEverySeconds = 10;
/** pgbench misses its rate by a little. */
const minRate = 0.95;
const transactionsPerSecond = 2000;
/** On the small appliance, to try the benchmark itself. */
const loadSeconds = { large: 300, medium: 300, small: 20 } as const;

interface Sample {
  readonly at: number;
  readonly flushed: bigint;
  readonly received: bigint;
  readonly sealed: bigint;
}

/** Begins on a reset appliance. */
export async function measureExposure(bench: Bench): Promise<void> {
  const { data, record, say, size } = bench;
  const pgbench = join(data.sample.binaries.postgresBin, 'pgbench');
  const env = { ...clientEnvironment(data), PGDATABASE: 'postgres' };
  await runCommand(pgbench, ['--initialize', '--quiet', '--scale=20', 'postgres'], { env });
  await initLifeboat(data);
  const parts = wireParts(data.appliance);
  const archiving = await startArchiving(data, { repository: await parts.repository(), sealEverySeconds });
  try {
    const seconds = loadSeconds[size];
    const args = ['--client=8', '--jobs=2', `--rate=${transactionsPerSecond}`, `--time=${seconds}`, 'postgres'];
    let isOver = false;
    const load = runCommand(pgbench, args, { env }).finally(() => (isOver = true));
    const samples = await withClient(data.sample, databaseName, async (client) => {
      const taken: Sample[] = [];
      // What was on its way when the load ended is counted too.
      for (let after = 0; after < (sealEverySeconds * 2000) / sampleMs; after += isOver ? 1 : 0) {
        const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
        const { received, sealed } = archiving.position();
        taken.push({ at: performance.now(), flushed: parseLsn(rows[0]!.lsn), received, sealed });
        await delay(sampleMs);
      }
      return taken;
    });
    const { stdout } = await load;
    const rate = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1] ?? 0);
    record.add('exposure/transactions per second', rate);
    if (rate < minRate * transactionsPerSecond) {
      say(
        `exposure: ${rate.toFixed(0)} transactions/s are less than the ${transactionsPerSecond} that were asked for: not measured`,
      );
      return;
    }
    for (const [what, key] of [
      ['exposure/stream', 'received'],
      ['exposure/sealed', 'sealed'],
    ] as const) {
      const p99 = percentile(delays(samples, key), 0.99);
      record.add(what, p99);
      say(`${what}: p99 ${p99.toFixed(2)} s at ${rate.toFixed(0)} transactions/s`);
    }
  } finally {
    await archiving.stop();
    await parts.close();
  }
}

/** Seconds from each sample until what was flushed then had come so far. One that never came counts as until the end. */
function delays(samples: readonly Sample[], key: 'received' | 'sealed'): number[] {
  let at = 0;
  const last = samples.at(-1)?.at ?? 0;
  return samples.map((sample, index) => {
    at = Math.max(at, index);
    while (at < samples.length && samples[at]![key] < sample.flushed) at += 1;
    return ((samples[at]?.at ?? last) - sample.at) / 1000;
  });
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
