import { rm } from 'node:fs/promises';
import { expect } from 'vitest';
import type { WalTarget } from '../../../src/domain/restore/target.ts';
import { formatLsn, parseLsn } from '../../../src/domain/lsn.ts';
import { baseEndOf, coveredRanges } from '../../../src/domain/wal.ts';
import { keptOf, putBackComponent, takeBackComponent } from '../../../src/operations/restore/undo.ts';
import { archiveOf, archivingOf, flushed, shiftPast, until, write } from './archiving.ts';
import { labTest, restoredAgain, type Lab } from './lab.ts';

const rowsOf = async (lab: Lab): Promise<number> => {
  const { rows } = await lab.sql('SELECT count(*)::int AS n FROM messages');
  return (rows[0] as { n: number }).n;
};
const timelineOf = async (lab: Lab): Promise<number> => {
  const { rows } = await lab.sql('SELECT timeline_id AS t FROM pg_control_checkpoint()');
  return (rows[0] as { t: number }).t;
};

labTest(
  'undo of a committed restore returns to the old timeline and slot: archiving goes on there, and no new base is needed',
  async ({ lab: make }) => {
    const lab = await make();
    const { driver, step, config } = lab;
    const archiving = await archivingOf(lab);
    const record = await lab.capture();
    await write(lab, 100);
    const early = formatLsn(await flushed(lab));
    await write(lab, 1000);
    const before = await rowsOf(lab);
    const archive = await archiveOf(lab);
    const archived = async (timeline: number) => coveredRanges((await archive.list()).pieces, timeline);
    await until(async () => ((await archived(1)).at(-1)?.endLsn ?? 0n) >= parseLsn(early));

    const wal: WalTarget = { kind: 'lsn', value: early, timeline: 1, endLsn: formatLsn(await flushed(lab)) };
    await driver.stage(step(record, 1, 1, wal));
    await driver.validate(step(record, 2, 1, wal));
    await lab.stop();
    await archiving.running.catch(() => undefined);
    await driver.swap(step(record, 3, 1, wal));
    await lab.start();
    await driver.probe(step(record, 4, 1, wal));
    await driver.commit(step(record, 5, 1, wal));
    expect(await rowsOf(lab)).toBe(before - 1000);
    await write(lab, 7);
    await shiftPast(lab);
    expect(await archived(2)).toHaveLength(1);

    const kept = await keptOf(config);
    expect(kept).toMatchObject({ of: { runId: step(record, 5).token.runId }, problem: '' });
    const undo = {
      config,
      driver,
      token: { lockStart: '2026-11-23T02:00:00.000Z', runId: 'undo', attempt: 3001 },
      of: kept!.of,
      signal: new AbortController().signal,
    };
    await expect(putBackComponent(undo), 'refused under a running server').rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringContaining('PostgreSQL runs on'),
    });
    await lab.stop();
    await putBackComponent(undo);
    await putBackComponent({ ...undo, token: { ...undo.token, attempt: 3002 } });
    await lab.start();
    expect([await rowsOf(lab), await timelineOf(lab)]).toEqual([before, 1]);
    const { rows } = await lab.sql(`SELECT slot_name FROM pg_replication_slots`);
    expect(rows).toEqual([{ slot_name: 'lifeboat_lab' }]);
    const end = await write(lab, 50);
    await shiftPast(lab);
    const ranges = await archived(1);
    expect(ranges, 'no hole where it was away').toHaveLength(1);
    expect(ranges[0]!.endLsn).toBeGreaterThanOrEqual(end);
    expect((await archive.coverage(1))!.time > (await archive.coverage(2))!.time, 'the current one').toBe(true);

    await lab.stop();
    await takeBackComponent({ ...undo, token: { ...undo.token, attempt: 9001 } });
    await lab.start();
    expect([await rowsOf(lab), await timelineOf(lab)]).toEqual([before - 1000 + 7, 2]);
  },
);

labTest(
  'where a total loss was restored, there is nothing to put back, and the plan says so',
  async ({ lab: make }) => {
    const lab = await make();
    const { driver, step, config } = lab;
    const record = await lab.capture();
    await lab.stop();
    await rm(config.dataDirectory, { recursive: true });
    await driver.stage(step(record, 1));
    await driver.validate(step(record, 2));
    await driver.swap(step(record, 3));
    await lab.start();
    await driver.probe(step(record, 4));
    await driver.commit(step(record, 5));
    expect(await keptOf(config)).toMatchObject({
      problem: 'there was no data before the restore: nothing can be put back',
    });
  },
);

labTest(
  'the number of a timeline of which there is a recovery point is not taken again, though nothing of it was archived',
  async ({ lab: make }) => {
    const lab = await make();
    const archive = await archiveOf(lab);
    const record = await lab.capture();
    await restoredAgain(lab, record, 1);
    expect(await timelineOf(lab)).toBe(2);
    const onSecond = await lab.capture();
    expect(onSecond.facts).toMatchObject({ timeline: 2 });
    expect(baseEndOf(onSecond)).toMatchObject({ timeline: 2 });
    expect(await archive.ancestors(2)).toMatchObject([{ timeline: 1 }]);

    await restoredAgain(lab, record, 2);
    expect(await timelineOf(lab), 'two servers would share the number').toBe(3);
  },
);
