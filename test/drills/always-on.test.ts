/** What runs by itself where nothing is switched off: a real worker, a real database, a copy in a location. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProveBackupResult, VerifyDailyResult } from '../../workflows/messages.ts';
import { startDatabaseStage, type DatabaseStage } from '../support/database-stage.ts';

let stage: DatabaseStage;
beforeAll(async () => {
  stage = await startDatabaseStage((text) => text.replace('verification: { afterBackup: false }\n', ''));
  await stage.sql('CREATE TABLE events (id int PRIMARY KEY)');
  await stage.sql('INSERT INTO events SELECT generate_series(1, 500)');
  await stage.startWorker();
});
afterAll(async () => stage?.stop());

interface Point {
  readonly timestamp: string;
  readonly verified: string;
}

const points = async (...more: readonly string[]): Promise<Point[]> =>
  JSON.parse((await stage.lifeboat('-o', 'json', 'backups', 'list', ...more)).stdout) as Point[];

const workflow = async <T>(type: string): Promise<T> => {
  const workflowId = `${type}/lean/${new Date().toISOString()}`;
  const { taskQueue } = stage.appliance.temporal;
  return stage.client.workflow.execute<() => Promise<T>>(type, { workflowId, taskQueue, args: [{}] as never });
};

test('D2.7, D4.5: a backup is read again and restored in private by itself; each place is looked at, and nothing is left behind', async () => {
  const around = async (): Promise<string[]> =>
    (await Promise.all([stage.folder, join(stage.folder, 'pg')].map(async (path) => readdir(path)))).flat().toSorted();
  await expect.poll(around).toContain('state');
  const before = await around();
  expect(await stage.lifeboat('backups', 'run')).toMatchObject({ code: 0 });
  const shown = async (): Promise<string> => (await stage.lifeboat('backups', 'list')).stdout;
  await expect.poll(shown, { interval: 500 }).toMatch(/L4/);
  const [point] = await points();
  const proofs = await (await stage.parts.repository()).listProofs(point!.timestamp);
  const levels = proofs.map(({ ok, levels: of, level }) => [ok, ...(Array.isArray(of) ? of : [level])].join(' '));
  expect(levels.toSorted()).toEqual(['true L1 L2 L3', 'true L4']);

  await expect.poll(async () => (await points('--from', 'vault')).length, { interval: 500 }).toBe(1);
  const { places } = await workflow<VerifyDailyResult>('verifyDaily');
  expect(places).toMatchObject([
    { place: 'repository', id: point!.timestamp, problem: '' },
    { place: 'vault', id: point!.timestamp, problem: '' },
  ]);
  const { ok, probes, failed } = await workflow<ProveBackupResult>('proveBackup');
  expect([ok, failed]).toEqual([true, []]);
  expect(probes).toBeGreaterThan(3);
  // A lease names who staged last; it stays.
  const isLeft = (name: string): boolean => name !== 'vault' && !name.endsWith('.lease.json');
  expect((await around()).filter(isLeft), 'nothing staged is left').toEqual(before.filter(isLeft));
  expect(await stage.sql('SELECT count(*)::int AS n FROM events'), 'the live one goes on').toEqual([{ n: 500 }]);
});

test('X1: archiving that somebody ended is begun again by the watch over the clocks, which are met', async () => {
  const id = 'walArchive/lean/postgres';
  const status = async (): Promise<string> => (await stage.client.workflow.getHandle(id).describe()).status.name;
  expect(await status()).toBe('RUNNING');
  await stage.client.workflow.getHandle(id).terminate('by mistake');
  expect(await status()).toBe('TERMINATED');
  expect(await workflow('rpoWatch')).toMatchObject({ breached: 0 });
  expect(await status()).toBe('RUNNING');
});
