import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseLsn } from '../../../src/domain/lsn.ts';
import { coveredRanges } from '../../../src/domain/wal.ts';
import { watchTablespaces } from '../../../src/drivers/postgres/wal/tablespace-watch.ts';
import { archiveOf, archivingOf, flushed, shift, shiftOf, shiftPast, shiftUntil, until, write } from './archiving.ts';
import { labTest } from './lab.ts';

labTest(
  'D1.2, X1: what the server writes is archived without a hole, sealed at latest after the set time',
  async ({ lab: make }) => {
    const lab = await make();
    const first = await archivingOf(lab);
    const archive = await archiveOf(lab);
    const end = await write(lab, 60_000);
    await until(async () => (coveredRanges((await archive.list()).pieces, 1).at(-1)?.endLsn ?? 0n) >= end);
    const ranges = coveredRanges((await archive.list()).pieces, 1);
    expect(ranges).toHaveLength(1);
    const { rows } = await lab.sql(
      `SELECT restart_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 'lifeboat_lab'`,
    );
    expect(parseLsn((rows[0] as { lsn: string }).lsn)).toBeLessThanOrEqual(ranges[0]!.endLsn);
    expect(parseLsn((rows[0] as { lsn: string }).lsn)).toBeGreaterThan(ranges[0]!.startLsn);
    first.abort();
    await expect(first.running).rejects.toThrow();

    // The next shift goes on where the archive ends, not where a heartbeat or the slot says. Asked to stop, it seals what came.
    const more = await write(lab, 1000);
    const asked = shiftOf(lab, { durationMs: 2 ** 30 });
    await until(async () => (coveredRanges((await archive.list()).pieces, 1).at(-1)?.endLsn ?? 0n) >= more);
    asked.stop();
    const second = await asked.running;
    expect(parseLsn(second.sealedTo)).toBeGreaterThanOrEqual(more);
    const joined = coveredRanges((await archive.list()).pieces, 1);
    expect(joined).toHaveLength(1);
    expect(joined[0]!.startLsn).toBe(ranges[0]!.startLsn);
  },
);

labTest('an idle database stays covered: its coverage moves on without a byte of WAL', async ({ lab: make }) => {
  const lab = await make();
  const archive = await archiveOf(lab);
  const covered = async () => Date.parse((await archive.coverage(1))?.time ?? '');
  await shiftUntil(lab, async () => !Number.isNaN(await covered()));
  const [before, pieces] = [await covered(), (await archive.list()).pieces.length];
  await shiftUntil(lab, async () => (await covered()) > before + 4000);
  expect((await archive.list()).pieces.length - pieces).toBeLessThanOrEqual(1);
});

labTest(
  'F4: the archive says which tablespaces there are, and a change ends the shift that streams',
  async ({ lab: make, folder }) => {
    const lab = await make();
    const archive = await archiveOf(lab);
    const tablespaces = async () => (await archive.coverage(1))?.tablespaces;
    await shiftUntil(lab, async () => (await tablespaces()) !== undefined);
    expect(await tablespaces()).toBe('');
    const address = { ...lab.config, password: lab.server.password };
    const changed = Promise.withResolvers<undefined>();
    const watch = await watchTablespaces(lab.config, address, () => changed.resolve(undefined), 20);
    expect(watch.current()).toBe('');
    await mkdir(join(folder, 'space'));
    await lab.sql(`CREATE TABLESPACE late LOCATION '${join(folder, 'space')}'`);
    await changed.promise;
    await watch.end();
    await shiftUntil(lab, async () => (await tablespaces()) !== '');
    const { rows } = await lab.sql("SELECT oid::text FROM pg_tablespace WHERE spcname = 'late'");
    expect(await tablespaces()).toBe((rows[0] as { oid: string }).oid);
  },
);

labTest('a clean shutdown loses nothing: the server waits until its last record is archived', async ({ lab: make }) => {
  const lab = await make();
  const archive = await archiveOf(lab);
  const running = await archivingOf(lab);
  const written = await write(lab, 5000);
  // Pieces alone may be of the first, short shift: this one must stream before the server stops.
  await until(async () => (coveredRanges((await archive.list()).pieces, 1).at(-1)?.endLsn ?? 0n) >= written);
  await write(lab, 10);
  await lab.stop();
  await expect(running.running).rejects.toMatchObject({ code: 'EngineUnavailable' });
  const sealed = coveredRanges((await archive.list()).pieces, 1).at(-1)!.endLsn;
  await lab.start();
  const { rows } = await lab.sql('SELECT checkpoint_lsn::text AS lsn FROM pg_control_checkpoint()');
  // The shutdown checkpoint's record begins before the end of what was archived.
  expect(sealed).toBeGreaterThan(parseLsn((rows[0] as { lsn: string }).lsn));
});

labTest(
  'a slot that an administrator dropped leaves a hole in the archive that its names show',
  async ({ lab: make }) => {
    const lab = await make({ settings: { max_wal_size: '64MB', min_wal_size: '32MB' } });
    const archive = await archiveOf(lab);
    await shift(lab, 1500);
    // The server's process for a connection that was closed ends a moment later.
    await until(async () => (await lab.sql('SELECT FROM pg_replication_slots WHERE active')).rows.length === 0);
    await lab.sql(`SELECT pg_drop_replication_slot('lifeboat_lab')`);
    for (let round = 0; round < 4; round += 1) {
      await write(lab, 30_000);
      await lab.sql('SELECT pg_switch_wal()');
      await lab.sql('CHECKPOINT');
    }
    await shiftPast(lab);
    const ranges = coveredRanges((await archive.list()).pieces, 1);
    expect(ranges).toHaveLength(2);
    expect(ranges.at(-1)!.endLsn).toBeGreaterThanOrEqual(await flushed(lab));
  },
);

labTest(
  'an older copy of the server on the same timeline is told, and nothing of it is mixed in',
  async ({ lab: make }) => {
    const lab = await make();
    const archive = await archiveOf(lab);
    await shift(lab, 1500);
    const copy = join(lab.folder, 'copy');
    await lab.stop();
    await cp(lab.config.dataDirectory, copy, { recursive: true });
    await lab.start();
    await write(lab, 2000);
    await shiftPast(lab);
    await lab.stop();
    await rm(lab.config.dataDirectory, { recursive: true });
    await cp(copy, lab.config.dataDirectory, { recursive: true });
    await lab.start();
    const before = (await archive.list()).pieces.length;
    await expect(shift(lab, 2000)).rejects.toMatchObject({ code: 'WalConflict' });
    // It writes on, past the archived position.
    await write(lab, 6000);
    await expect(shift(lab, 2000)).rejects.toMatchObject({ code: 'WalConflict' });
    expect((await archive.list()).pieces.length).toBe(before);
  },
);

labTest('a slot without a limit is refused, with the line that sets one', async ({ lab: make }) => {
  const lab = await make({ settings: { max_slot_wal_keep_size: '-1' } });
  await expect(shift(lab, 500)).rejects.toMatchObject({
    code: 'Precondition',
    hint: expect.stringContaining('ALTER SYSTEM') as string,
  });
});
