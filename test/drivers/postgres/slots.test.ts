import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { formatLsn } from '../../../src/domain/lsn.ts';
import { isFailed } from '../../../src/domain/probes.ts';
import { coveredRanges, type WalPiece } from '../../../src/domain/wal.ts';
import type { Appliance, PostgresConfig } from '../../../src/domain/appliance.ts';
import { guardDatabases } from '../../../src/operations/wal/slot-guard.ts';
import type { WalFollower } from '../../../src/drivers/driver.ts';
import { archiveOf, archivingOf, flushed, shift, shiftPast, until, write } from './archiving.ts';
import { labTest, type Lab } from './lab.ts';

const unlimited = { settings: { max_slot_wal_keep_size: '-1', max_wal_size: '64MB', min_wal_size: '32MB' } };
/** No disk has that much: only what waits decides. */
const slotGuard = { freeBelowBytes: 1e18, heldAboveBytes: 40e6 };

const takesNothing: WalFollower = { sealed: () => undefined, passedAt: () => undefined };

const guarded = (lab: Lab, changes: Partial<PostgresConfig['wal']> = {}) =>
  lab.driverWith({ wal: { ...lab.config.wal, slotGuard, ...changes } });

const slots = async (lab: Lab): Promise<string[]> =>
  (await lab.sql('SELECT slot_name FROM pg_replication_slots ORDER BY 1')).rows.map(
    (row: { slot_name: string }) => row.slot_name,
  );

labTest(
  'X1: where the disk runs full by what a location does not take, the slot is dropped, and archiving goes on behind a hole',
  async ({ lab: make }) => {
    const lab = await make(unlimited);
    const archive = await archiveOf(lab);
    const driver = guarded(lab);
    const archiving = async (durationMs: number, barrier?: WalFollower) =>
      driver.archiveWal!({
        repository: lab.repository,
        durationMs,
        ...(barrier === undefined ? {} : { barrier }),
        onProgress: () => {},
        signal: new AbortController().signal,
      });
    await archiving(1000);
    const running = archiving(60_000, takesNothing);
    running.catch(() => undefined);
    await write(lab, 10_000);
    expect(await driver.guardWal!(), 'what waits is too little to matter').toBeUndefined();
    for (let round = 0; round < 4; round += 1) {
      await write(lab, 30_000);
      await lab.sql('SELECT pg_switch_wal()');
    }
    await expect(running).rejects.toMatchObject({
      code: 'NoSpace',
      message: expect.stringMatching(
        /^slot lifeboat_lab was dropped: .* were free on the disk of the database, and /,
      ) as string,
    });
    expect(await slots(lab)).toEqual([]);
    for (let round = 0; round < 3; round += 1) await lab.sql('CHECKPOINT');
    await write(lab, 1000);
    await archiving(2000);
    await until(async () => (await archive.list()).pieces.length > 0);
    const ranges = coveredRanges((await archive.list()).pieces, 1);
    expect(ranges.at(-1)!.endLsn).toBeGreaterThanOrEqual(await flushed(lab));
  },
);

labTest(
  'X1: where nobody archives, the watchdog drops it; a server without limit and guard is never left with a slot',
  async ({ lab: make }) => {
    const lab = await make(unlimited);
    const driver = guarded(lab);
    await lab.sql(`SELECT pg_create_physical_replication_slot('lifeboat_lab', true)`);
    await lab.sql(`SELECT pg_create_physical_replication_slot('of_somebody_else', true)`);
    expect(await driver.guardWal!()).toBeUndefined();
    for (let round = 0; round < 4; round += 1) {
      await write(lab, 30_000);
      await lab.sql('SELECT pg_switch_wal()');
    }
    expect(await lab.driver.guardWal!(), 'nobody accepted it').toBeUndefined();
    const roomy = guarded(lab, { slotGuard: { ...slotGuard, freeBelowBytes: 1 } });
    expect(await roomy.guardWal!(), 'there is room').toBeUndefined();
    expect(await driver.guardWal!()).toMatchObject({
      code: 'NoSpace',
      message: expect.stringMatching(/^slot lifeboat_lab was dropped: /) as string,
    });
    expect(await slots(lab)).toEqual(['of_somebody_else']);
    expect(await driver.guardWal!()).toBeUndefined();
    expect((await driver.check()).filter(({ name }) => name.endsWith('slot guard'))).toMatchObject([
      {
        level: 'warn',
        text: expect.stringMatching(/the slot is dropped, where it holds more than 40(\.0)? MB/) as string,
      },
    ]);
  },
);

labTest('a slot of ours is dropped by hand once nothing is archived by it any more', async ({ lab: make }) => {
  const lab = await make();
  await shift(lab, 1000);
  await lab.sql(`SELECT pg_create_physical_replication_slot('lifeboat_renamed', true)`);
  await lab.sql(`SELECT pg_create_physical_replication_slot('of_somebody_else', true)`);
  await expect(lab.driver.detachWal!()).rejects.toMatchObject({
    code: 'Precondition',
    hint: expect.stringContaining('archive: false') as string,
  });
  await expect(lab.driver.detachWal!('of_somebody_else')).rejects.toMatchObject({ code: 'InputInvalid' });
  await expect(lab.driver.detachWal!("lifeboat_'; SELECT 1")).rejects.toMatchObject({ code: 'InputInvalid' });
  await expect(lab.driver.detachWal!('lifeboat_gone')).rejects.toMatchObject({ code: 'NotFound' });
  expect(await lab.driver.detachWal!('lifeboat_renamed')).toMatchObject({ slot: 'lifeboat_renamed' });
  const off = lab.driverWith({ wal: { ...lab.config.wal, archive: false } });
  expect(await off.detachWal!()).toMatchObject({ slot: 'lifeboat_lab' });
  expect(await slots(lab)).toEqual(['of_somebody_else']);
});

labTest(
  'a guard that cannot see the disk is none: nothing is archived, and the reason is told',
  async ({ lab: make }) => {
    const lab = await make(unlimited);
    const blind = lab.driverWith({ dataDirectory: `${lab.folder}/elsewhere`, wal: { ...lab.config.wal, slotGuard } });
    const shiftOfBlind = blind.archiveWal!({
      repository: lab.repository,
      durationMs: 500,
      onProgress: () => {},
      signal: new AbortController().signal,
    });
    await expect(shiftOfBlind).rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringContaining('cannot look at the disk') as string,
    });
    expect(await slots(lab)).toEqual([]);
    expect((await blind.check()).find(({ name }) => name.endsWith('slot guard'))).toMatchObject({ level: 'fail' });
  },
);

labTest('the watchdog says what it dropped until it was told, and of this host only', async ({ lab: make }) => {
  const lab = await make(unlimited);
  await lab.sql(`SELECT pg_create_physical_replication_slot('lifeboat_lab', true)`);
  for (let round = 0; round < 4; round += 1) {
    await write(lab, 30_000);
    await lab.sql('SELECT pg_switch_wal()');
  }
  const applianceOn = (host: string): Appliance =>
    ({ host, stateDir: `${lab.folder}/state`, components: [lab.config] }) as unknown as Appliance;
  const driver = guarded(lab);
  expect((await guardDatabases(applianceOn('another'), async () => driver)).news).toEqual([]);
  expect(await slots(lab)).toEqual(['lifeboat_lab']);
  const text = expect.stringContaining('postgres is UNPROTECTED: slot lifeboat_lab was dropped') as string;
  expect((await guardDatabases(applianceOn('main'), async () => driver)).news).toEqual([text]);
  const again = await guardDatabases(applianceOn('main'), async () => driver);
  expect(again.news, 'nobody was told').toEqual([text]);
  await again.told();
  expect((await guardDatabases(applianceOn('main'), async () => driver)).news).toEqual([]);
});

labTest('X1: a slot that the server gave up is told, and archiving goes on behind the hole', async ({ lab: make }) => {
  const lab = await make({ settings: { max_slot_wal_keep_size: '32MB', max_wal_size: '64MB', min_wal_size: '32MB' } });
  const archive = await archiveOf(lab);
  await shift(lab, 1500);
  const about = async () => (await lab.driver.check()).find(({ name }) => name.endsWith('slot lifeboat_lab'));
  for (let round = 0; round < 8; round += 1) {
    await write(lab, 30_000);
    await lab.sql('SELECT pg_switch_wal()');
    await lab.sql('CHECKPOINT');
  }
  expect(await about()).toMatchObject({ level: 'warn', text: expect.stringContaining('lost') as string });
  await shiftPast(lab);
  const ranges = coveredRanges((await archive.list()).pieces, 1);
  expect(ranges).toHaveLength(2);
  expect(ranges.at(-1)!.endLsn).toBeGreaterThanOrEqual(await flushed(lab));
  expect(await about()).toMatchObject({ level: 'ok' });
});

labTest('one archives at a time: a second one is told who holds the slot, and tries again', async ({ lab: make }) => {
  const lab = await make();
  const first = await archivingOf(lab);
  const active = async () =>
    (await lab.sql('SELECT active FROM pg_replication_slots')).rows.some((row: { active: boolean }) => row.active);
  await until(active);
  await expect(shift(lab, 60_000)).rejects.toMatchObject({
    code: 'EngineUnavailable',
    message: expect.stringContaining('still held by another streamer') as string,
  });
  first.abort();
  await first.running.catch(() => undefined);
  await until(async () => !(await active()));
  await shift(lab, 500);
});

labTest(
  'F7: garbage under the names that come next is replaced by what the server has, and makes it forget nothing',
  async ({ lab: make }) => {
    const lab = await make({ settings: { min_wal_size: '32MB', max_wal_size: '48MB' } });
    const archive = await archiveOf(lab);
    await shift(lab, 1000);
    const base = await lab.capture();
    await shiftPast(lab);
    const next = (await archive.list()).pieces.at(-1)!;
    const size = BigInt(archive.source.segmentBytes);
    const segment = (ahead: bigint): WalPiece => {
      const startLsn = next.startLsn - (next.startLsn % size) + ahead * size;
      return { timeline: 1, startLsn, endLsn: startLsn + size };
    };
    const planted = [segment(0n), segment(1n), segment(5n)];
    const files = planted.map((piece) => join(lab.folder, 'repository', archive.keyOf(piece)));
    const history = join(dirname(files[0]!), '../00000002/00000002.history');
    await mkdir(dirname(history));
    for (const file of [...files, history]) await writeFile(file, 'garbage');
    // What the server is told to forget it removes at its next checkpoint.
    for (let round = 0; round < 3; round += 1) {
      await write(lab, 10);
      await lab.sql('SELECT pg_switch_wal()');
    }
    await shift(lab, 1000);
    for (let round = 0; round < 3; round += 1) {
      await write(lab, 10);
      await lab.sql('SELECT pg_switch_wal()');
      await lab.sql('CHECKPOINT');
    }
    const value = formatLsn(await flushed(lab));
    await shiftPast(lab);
    const { pieces } = await archive.list();
    expect(coveredRanges(pieces, 1)).toHaveLength(1);
    expect((await archive.sound(pieces)).damaged).toEqual([]);
    // Nobody archived a second timeline: the damaged history takes its number, and stops no recovery.
    const wal = { kind: 'lsn', value, timeline: 1, endLsn: value } as const;
    await lab.driver.stage(lab.step(base, 1, 2, wal));
    const validate = { ...lab.step(base, 2, 2, wal), staged: lab.step(base, 1, 2).token };
    expect((await lab.driver.validate(validate)).filter(isFailed)).toEqual([]);
  },
);
