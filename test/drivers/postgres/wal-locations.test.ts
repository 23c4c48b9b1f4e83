import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import { parseLsn } from '../../../src/domain/lsn.ts';
import { archiveWal } from '../../../src/operations/wal/archive.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import { openRepository } from '../../../src/repository/open.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { testKey } from '../../repository/backup.ts';
import { archiveOf, flushed, until, write } from './archiving.ts';
import { labTest, type Lab } from './lab.ts';

/** A location that can be taken away. */
function switchable(storage: Storage): { storage: () => Promise<Storage>; isDown: boolean } {
  const place = {
    isDown: false,
    storage: async () =>
      new Proxy(storage, {
        get: (target, name) => {
          if (place.isDown && typeof name === 'string' && name !== 'description')
            throw new Error('the location is down');
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      }),
  };
  return place;
}

/** A location that takes its time for each object. */
function slow(storage: Storage): { ms: number; readonly storage: () => Promise<Storage> } {
  const place = {
    ms: 2000,
    storage: async () =>
      new Proxy(storage, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          const call = value.bind(target) as (...args: unknown[]) => unknown;
          if (name !== 'putIfAbsent') return call;
          return async (...args: unknown[]) => {
            for (const began = Date.now(); Date.now() < began + place.ms;) await setTimeout(50);
            return call(...args);
          };
        },
      }),
  };
  return place;
}

function archiveTo(lab: Lab, storage: () => Promise<Storage>, ackLocation?: string) {
  const control = new AbortController();
  const problems: string[] = [];
  const shift = async () =>
    archiveWal({
      repository: lab.repository,
      driver: lab.driver,
      durationMs: 60_000,
      locations: [{ name: 'offsite', storage }],
      ackLocation,
      onProblem: (text) => problems.push(text),
      onProgress: () => undefined,
      signal: control.signal,
    });
  // The first is short: the slot is new.
  const first = shift();
  const running = first.then(shift);
  running.catch(() => undefined);
  return {
    problems,
    /** The short one has ended, and the next one streams: what is written now is archived. */
    async begun() {
      await first;
      const [archive, end] = [await archiveOf(lab), await write(lab, 500)];
      await until(async () => (await archive.list()).pieces.some(({ endLsn }) => endLsn >= end));
    },
    /** Of the shift that runs, however it ends. */
    ended: async () => running.catch(() => undefined),
    stop: async () => {
      control.abort();
      await running.catch(() => undefined);
    },
  };
}

async function namesIn(storage: Storage): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of storage.list('wal/')) if (!key.endsWith('coverage.json')) names.push(key);
  return names;
}

async function restartOf(lab: Lab): Promise<bigint> {
  const { rows } = await lab.sql(
    `SELECT restart_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 'lifeboat_lab'`,
  );
  // A slot that nobody made yet keeps nothing.
  return parseLsn((rows[0] as { lsn: string } | undefined)?.lsn ?? '0/0');
}

labTest(
  'X1, D2.6: archived WAL reaches a location within seconds; one that is down holds nothing up',
  async ({ lab: make }) => {
    const lab = await make();
    const storage = createLocalStorage(join(lab.folder, 'offsite'));
    const place = switchable(storage);
    const archiving = archiveTo(lab, place.storage);
    const archive = await archiveOf(lab);
    await write(lab, 5000);
    await until(async () => (await namesIn(storage)).length > 0);
    place.isDown = true;
    const end = await write(lab, 5000);
    await until(async () => (await archive.list()).pieces.some(({ endLsn }) => endLsn >= end));
    await until(async () => (await restartOf(lab)) >= end);
    await until(async () => archiving.problems.length > 0);
    expect(archiving.problems[0]).toContain('WAL does not reach offsite');
    place.isDown = false;
    await until(async () => (await namesIn(storage)).join() === (await namesIn(lab.repository.storage)).join());
    await archiving.stop();
  },
);

labTest(
  'X1: a location that is slow holds nothing up; what it lacks shows in its age, and it gets everything in the end',
  async ({ lab: make }) => {
    const lab = await make();
    const storage = createLocalStorage(join(lab.folder, 'offsite'));
    const place = slow(storage);
    const archiving = archiveTo(lab, place.storage);
    const archive = await archiveOf(lab);
    await write(lab, 500);
    await until(async () => (await namesIn(storage)).length > 0);
    // Nothing more arrives before it has been looked at.
    place.ms = Number.POSITIVE_INFINITY;
    let end = 0n;
    for (let piece = 0; piece < 4; piece += 1) {
      end = await write(lab, 500);
      await until(async () => (await archive.list()).pieces.some(({ endLsn }) => endLsn >= end));
    }
    await until(async () => (await restartOf(lab)) >= end);
    expect((await namesIn(storage)).length).toBeLessThan((await namesIn(lab.repository.storage)).length);
    const there = await archive.coverage(1);
    const copied = await openRepository(storage, testKey);
    const late = await (await archiveOf({ ...lab, repository: copied })).coverage(1);
    expect(Date.parse(late?.time ?? '1970-01-01')).toBeLessThan(Date.parse(there!.time));
    await copied.close();
    place.ms = 0;
    await until(async () => (await namesIn(storage)).join() === (await namesIn(lab.repository.storage)).join());
    await archiving.stop();
  },
);

labTest('X1: what a server wrote before it ended reaches a location while it is down', async ({ lab: make }) => {
  const lab = await make();
  const storage = createLocalStorage(join(lab.folder, 'offsite'));
  const place = slow(storage);
  place.ms = 500;
  const archiving = archiveTo(lab, place.storage);
  const archive = await archiveOf(lab);
  await archiving.begun();
  for (let round = 0; round < 5; round += 1) await write(lab, 2000);
  const end = await flushed(lab);
  await lab.stop();
  await archiving.ended();
  expect((await archive.list()).pieces.some(({ endLsn }) => endLsn >= end)).toBe(true);
  expect(await namesIn(storage)).toEqual(await namesIn(lab.repository.storage));
  await archiving.stop();
  await lab.start();
});

labTest('X1: the server forgets nothing that `ackLocation` does not hold', async ({ lab: make }) => {
  const lab = await make();
  const storage = createLocalStorage(join(lab.folder, 'offsite'));
  const place = switchable(storage);
  const archiving = archiveTo(lab, place.storage, 'offsite');
  const archive = await archiveOf(lab);
  const first = await write(lab, 5000);
  await until(async () => (await restartOf(lab)) >= first);
  place.isDown = true;
  const second = await write(lab, 5000);
  await until(async () => (await archive.list()).pieces.some(({ endLsn }) => endLsn >= second));
  await until(async () => archiving.problems.length > 1);
  expect(await restartOf(lab)).toBeLessThan(second);
  place.isDown = false;
  await until(async () => (await restartOf(lab)) >= second);
  expect(await flushed(lab)).toBeGreaterThanOrEqual(second);
  expect(await namesIn(storage)).toEqual(await namesIn(lab.repository.storage));
  await archiving.stop();
});
