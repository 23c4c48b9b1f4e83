/** Point in time as a user asks for it: command line, workflow, worker, a real database that is destroyed each time. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Ended } from '../cli/transcript.ts';
import { startDatabaseStage, type DatabaseStage } from '../support/database-stage.ts';

interface Commit {
  readonly id: number;
  /** A time between this commit and the next. */
  readonly after: string;
  /** The database's position then. */
  readonly lsn: string;
}

let stage: DatabaseStage;
beforeAll(async () => void (stage = await startDatabaseStage()));
afterAll(async () => stage?.stop());

const lifeboat = async (...args: readonly string[]): Promise<Ended> => stage.lifeboat(...args);
const sql = async <T extends object>(text: string, values: readonly unknown[] = []): Promise<T[]> =>
  stage.sql<T>(text, values);

/** What it said where it did not go well. */
async function ends(...args: readonly string[]): Promise<string> {
  const { code, stderr } = await lifeboat(...args);
  return code === 0 ? 'well' : `exit ${code}: ${stderr}`;
}

async function commitRows(from: number, count: number): Promise<Commit[]> {
  const commits: Commit[] = [];
  for (let id = from; id < from + count; id += 1) {
    await sql('INSERT INTO events (id) VALUES ($1)', [id]);
    const [now] = await sql<{ after: string; lsn: string }>(
      'SELECT clock_timestamp() AS after, pg_current_wal_flush_lsn()::text AS lsn',
    );
    commits.push({ id, after: new Date(now!.after).toISOString(), lsn: now!.lsn });
    // Times of the command line have milliseconds.
    await setTimeout(5);
  }
  return commits;
}

async function rows(): Promise<number[]> {
  return (await sql<{ id: number }>('SELECT id FROM events ORDER BY id')).map(({ id }) => id);
}

/** Every process of the database dies, and nothing of what was backed up is left. */
async function destroy(): Promise<void> {
  const { postgres, parts } = stage;
  const pid = Number.parseInt(await readFile(join(postgres.dataDirectory, 'postmaster.pid'), 'utf8'), 10);
  process.kill(pid, 'SIGQUIT');
  await expect.poll(async () => (await parts.platform.state('postgres')).running).toBe(false);
  for (const lost of [postgres.dataDirectory, stage.data]) await rm(lost, { recursive: true, maxRetries: 5 });
}

/** The plan says so as soon as the moment is archived. */
async function planned(...goal: readonly string[]): Promise<string> {
  let plan: Ended | undefined;
  await expect.poll(async () => (plan = await lifeboat('restore', 'plan', ...goal)).code, { interval: 500 }).toBe(0);
  return plan!.stdout;
}

test('D1.2, D2.2: rows are exactly those before a random moment, position or name, and files the newest before it', async () => {
  const conf = join(stage.data, 'small.conf');
  await sql('CREATE TABLE events (id int PRIMARY KEY)');
  const worker = await stage.startWorker();
  await writeFile(conf, 'one');
  const early = await commitRows(1, 10);
  expect(await lifeboat('backups', 'run')).toMatchObject({ code: 0 });
  const between = await commitRows(11, 30);
  await writeFile(conf, 'two');
  expect(await lifeboat('backups', 'run', '--type', 'incremental')).toMatchObject({ code: 0 });
  const late = await commitRows(41, 30);
  await sql(`SELECT pg_create_restore_point('before the change')`);
  await commitRows(71, 5);

  const future = new Date(Date.now() + 3_600_000).toISOString();
  expect(await lifeboat('restore', 'plan', '--to-time', future), 'both ends are stated').toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/cannot be restored to[\s\S]*what can be:[\s\S]*from[\s\S]*to/) as string,
  });
  const before = new Date(Date.parse(early[0]!.after) - 3_600_000).toISOString();
  expect(await lifeboat('restore', 'plan', '--to-time', before)).toMatchObject({ code: 5 });

  const seed = Math.floor(Math.random() * between.length);
  const moment = between[seed]!;
  const plan = await planned('--to-time', moment.after);
  expect(plan, 'the loss of each component is shown before anything starts').toMatch(/data .*20\d{6}_\d{6}/);
  await destroy();
  expect(await ends('restore', 'start', '--to-time', moment.after, '--confirm', 'lean')).toBe('well');
  expect(await rows(), `seed ${seed}`).toEqual(Array.from({ length: moment.id }, (_, index) => index + 1));
  expect(await readFile(conf, 'utf8'), 'the increment is newer than the moment').toBe('one');

  // What was written after the moment lies on the timeline that the restore left.
  const abandoned = ['--timeline', '1', '--confirm', 'lean'];
  const position = late[Math.floor(Math.random() * late.length)]!;
  await destroy();
  expect(await ends('restore', 'start', '--to-lsn', position.lsn, ...abandoned)).toBe('well');
  expect((await rows()).at(-1), `position of row ${position.id}`).toBe(position.id);
  expect(await readFile(conf, 'utf8')).toBe('two');

  await destroy();
  expect(await ends('restore', 'start', '--to-name', 'before the change', ...abandoned)).toBe('well');
  expect((await rows()).at(-1)).toBe(70);

  // The plan leads onto the live timeline as soon as something of it is archived.
  const [live] = await sql<{ timeline: number }>('SELECT timeline_id AS timeline FROM pg_control_checkpoint()');
  await expect.poll(async () => planned('--to-latest'), { interval: 500 }).toContain(`(timeline ${live!.timeline};`);
  // A writer that commits until the restore itself stops the database.
  const writer = await stage.connect();
  const gone = new Promise<void>((resolve) => void writer.on('error', () => resolve()));
  const acknowledged: number[] = [];
  const writing = (async () => {
    for (let id = 1000; ; id += 1) {
      await writer.query('INSERT INTO events (id) VALUES ($1)', [id]);
      acknowledged.push(id);
    }
  })().catch(() => undefined);
  expect(await ends('restore', 'start', '--to-latest', '--confirm', 'lean')).toBe('well');
  await Promise.all([writing, gone]);
  expect(acknowledged.length).toBeGreaterThan(10);
  const there = new Set(await rows());
  expect(
    acknowledged.filter((id) => !there.has(id)),
    'acknowledged and lost',
  ).toEqual([]);
  await worker.stop();
});
