import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { formatLsn } from '../../../src/domain/lsn.ts';
import type { ProbeResult } from '../../../src/domain/recovery-point.ts';
import type { WalTarget } from '../../../src/domain/restore/target.ts';
import { coveredRanges } from '../../../src/domain/wal.ts';
import { archiveOf, archivingOf, flushed, until } from './archiving.ts';
import { isLifeboatError, LifeboatError } from '../../../src/domain/errors.ts';
import { openRepository } from '../../../src/repository/open.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { testKey } from '../../repository/backup.ts';
import { labTest, type Lab } from './lab.ts';

const events = 'CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())';

/** Commits numbered rows; each entry is a time between the commit of that row and the next. */
async function commitRows(lab: Lab, from: number, count: number): Promise<string[]> {
  const client = await lab.server.connect('wazuh_chat');
  const times: string[] = [];
  try {
    for (let id = from; id < from + count; id += 1) {
      await client.query('INSERT INTO events (id) VALUES ($1)', [id]);
      const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
      times.push(rows[0]!.now);
    }
  } finally {
    await client.end();
  }
  return times;
}

async function archived(lab: Lab): Promise<string> {
  const archive = await archiveOf(lab);
  const end = await flushed(lab);
  await until(async () => (coveredRanges((await archive.list()).pieces, 1).at(-1)?.endLsn ?? 0n) >= end);
  return formatLsn(end);
}

function eventsIn(probes: readonly ProbeResult[]): string | undefined {
  return probes.find(({ name }) => name === 'table public.events')?.actual;
}

labTest(
  'D1.2: twenty random moments between two commits come back exactly, from whichever base lies before',
  async ({ lab: make }) => {
    const lab = await make({ setup: events });
    const { driver, step } = lab;
    const shift = await archivingOf(lab);
    const early = await commitRows(lab, 1, 40);
    const first = await lab.capture();
    // The writer goes on while the second base is taken.
    const [between, second] = await Promise.all([commitRows(lab, 41, 200), lab.capture()]);
    const late = await commitRows(lab, 241, 200);
    const endLsn = await archived(lab);
    const times = [...early, ...between, ...late];
    // Which they were is told where one fails.
    const chosen = Array.from({ length: 20 }, () => 41 + Math.floor(Math.random() * 398));
    for (const [seed, row] of chosen.entries()) {
      const record = row > 245 && seed % 2 === 0 ? second : first;
      // As the server writes it, and as people and programs do.
      const text = times[row - 1]!;
      const value = seed % 2 === 0 ? text : text.replace(' ', 'T').replace(/\+00$/, 'Z');
      const wal: WalTarget = { kind: 'time', value, timeline: 1, endLsn };
      await driver.stage(step(record, 1, seed + 1, wal));
      const probes = await driver.validate({
        ...step(record, 2, seed + 1, wal),
        staged: step(record, 1, seed + 1).token,
      });
      expect(probes.filter(({ ok }) => !ok)).toEqual([]);
      expect([row, eventsIn(probes)]).toEqual([row, `${row} rows`]);
      await driver.undo(step(record, 9, seed + 1, wal));
    }
    shift.abort();
  },
);

labTest(
  'a position, a name and a time after the last commit are met; the server goes on from there on a new timeline',
  async ({ lab: make }) => {
    const lab = await make({ setup: events });
    const { driver, step } = lab;
    const shift = await archivingOf(lab);
    await commitRows(lab, 1, 10);
    const record = await lab.capture();
    await commitRows(lab, 11, 10);
    const position = formatLsn(await flushed(lab));
    await commitRows(lab, 21, 10);
    await lab.sql(`SELECT pg_create_restore_point('before the change')`);
    await commitRows(lab, 31, 10);
    const { rows } = await lab.sql('SELECT clock_timestamp()::text AS now');
    const afterAll = (rows[0] as { now: string }).now;
    const endLsn = await archived(lab);
    const targets: [WalTarget, string][] = [
      [{ kind: 'lsn', value: position, timeline: 1, endLsn }, '20 rows'],
      [{ kind: 'name', value: 'before the change', timeline: 1, endLsn }, '30 rows'],
      [{ kind: 'time', value: afterAll, timeline: 1, endLsn }, '40 rows'],
    ];
    for (const [attempt, [wal, expected]] of targets.entries()) {
      await driver.stage(step(record, 1, attempt + 1, wal));
      const probes = await driver.validate({
        ...step(record, 2, attempt + 1, wal),
        staged: step(record, 1, attempt + 1).token,
      });
      expect(probes.filter(({ ok }) => !ok)).toEqual([]);
      expect(eventsIn(probes)).toBe(expected);
      await driver.undo(step(record, 9, attempt + 1, wal));
    }
    const nameless: WalTarget = { kind: 'name', value: 'never made', timeline: 1, endLsn };
    await driver.stage(step(record, 1, 9, nameless));
    await expect(
      driver.validate({ ...step(record, 2, 9, nameless), staged: step(record, 1, 9).token }),
    ).rejects.toMatchObject({
      code: 'ValidationFailed',
      message: 'the archived WAL ends before name `never made`',
    });
    shift.abort();
  },
);

labTest(
  'latest loses no acknowledged commit: neither at a clean stop, nor what only the dead server’s disk still has',
  async ({ lab: make }) => {
    const lab = await make({ setup: events, settings: { fsync: 'on' } });
    const { driver, step } = lab;
    const record = await lab.capture();
    const shift = await archivingOf(lab);
    await commitRows(lab, 1, 20);
    const endLsn = await archived(lab);
    shift.abort();
    await shift.running.catch(() => undefined);
    // Nobody archives these: the server is killed with them on its disk alone.
    await commitRows(lab, 21, 35);
    await lab.server.kill();
    const wal: WalTarget = { kind: 'latest', value: '', timeline: 1, endLsn };
    await driver.stage(step(record, 1, 1, wal));
    expect(await driver.validate(step(record, 2, 1, wal))).toEqual([]);
    const probes = await driver.finish!(step(record, 2, 2, wal));
    expect(probes.filter(({ ok }) => !ok)).toEqual([]);
    expect(eventsIn(probes)).toBe('55 rows');
    await driver.swap(step(record, 3, 1, wal));
    await lab.start();
    expect((await driver.probe(step(record, 4, 1, wal))).filter(({ ok }) => !ok)).toEqual([]);
    expect((await lab.sql('SELECT count(*)::int AS n, max(id) AS most FROM events')).rows).toEqual([
      { n: 55, most: 55 },
    ]);
    // What only the disk had is archived now: an older recovery point leads over the switch onto the new timeline.
    const [range] = coveredRanges((await (await archiveOf(lab)).list()).pieces, 1);
    const reached = probes.find(({ name }) => name === 'recovered position')!.actual.split(' ')[0]!;
    expect(formatLsn(range!.endLsn)).toBe(reached);
    await lab.sql(`INSERT INTO events (id) VALUES (1000)`);
    expect((await driver.probe(step(record, 4, 2, wal))).filter(({ ok }) => !ok)).toHaveLength(1);
  },
);

labTest(
  'a tablespace made after the base: moments before it are reached, moments behind it refused, and the live one is untouched',
  async ({ lab: make, folder }) => {
    const location = join(folder, 'space');
    await mkdir(location, { mode: 0o700 });
    const lab = await make({ setup: events });
    const { driver, step } = lab;
    const shift = await archivingOf(lab);
    const record = await lab.capture();
    const [before] = (await commitRows(lab, 1, 10)).slice(-1);
    const position = formatLsn(await flushed(lab));
    // The next commit ends a recovery to a time before it; the tablespace's own record would be replayed by then.
    await commitRows(lab, 11, 1);
    await lab.sql(`CREATE TABLESPACE late LOCATION '${location}'`);
    await lab.sql('CREATE TABLE elsewhere TABLESPACE late AS SELECT 1 AS x');
    await commitRows(lab, 12, 10);
    const { rows } = await lab.sql('SELECT clock_timestamp()::text AS now');
    const endLsn = await archived(lab);
    shift.abort();
    const validate = async (
      attempt: number,
      target: Pick<WalTarget, 'kind' | 'value'>,
    ): Promise<string | undefined> => {
      const wal: WalTarget = { ...target, timeline: 1, endLsn };
      await driver.stage(step(record, 1, attempt, wal));
      try {
        return eventsIn(
          await driver.validate({ ...step(record, 2, attempt, wal), staged: step(record, 1, attempt).token }),
        );
      } finally {
        await driver.undo(step(record, 9, attempt, wal));
      }
    };
    expect(await validate(1, { kind: 'time', value: before! })).toBe('10 rows');
    expect(await validate(2, { kind: 'lsn', value: position })).toBe('10 rows');
    for (const [attempt, target] of [
      { kind: 'time', value: (rows[0] as { now: string }).now } as const,
      { kind: 'lsn', value: endLsn } as const,
      // F4: replayed after the server stopped, but seen while it still runs.
      { kind: 'latest', value: '' } as const,
    ].entries())
      await expect(validate(3 + attempt, target)).rejects.toMatchObject({
        code: 'Precondition',
        message: expect.stringMatching(/changes a tablespace: CREATE \d+ ".*space"/) as string,
      });
    expect((await lab.sql('SELECT x FROM elsewhere')).rows).toEqual([{ x: 1 }]);
    const planned = await driver.restoreTargets(record, { kind: 'latest', value: '', timeline: 1, endLsn });
    expect(planned.flatMap(({ problems }) => problems)).toMatchObject([
      {
        code: 'Precondition',
        message: expect.stringMatching(/^tablespace \d+ was made or dropped since the base/) as string,
      },
    ]);
    expect((await driver.restoreTargets(record)).flatMap(({ problems }) => problems)).toEqual([]);
    await expect(
      driver.increment!({
        repository: lab.repository,
        base: record,
        onProgress: () => undefined,
        signal: new AbortController().signal,
      }),
    ).rejects.toMatchObject({ message: 'a tablespace was made or dropped since the base' });
  },
);

labTest(
  'a segment that is missing in the middle ends the recovery in an error, never in fewer rows',
  async ({ lab: make }) => {
    const lab = await make({ setup: events });
    const { driver, step } = lab;
    const record = await lab.capture();
    const shift = await archivingOf(lab);
    for (let round = 0; round < 3; round += 1) {
      await commitRows(lab, 1 + round * 10, 10);
      await lab.sql('SELECT pg_switch_wal()');
    }
    await commitRows(lab, 31, 10);
    const { rows } = await lab.sql('SELECT clock_timestamp()::text AS now');
    const afterAll = (rows[0] as { now: string }).now;
    const endLsn = await archived(lab);
    shift.abort();
    const archive = await archiveOf(lab);
    const whole = (await archive.list()).pieces.filter(
      ({ startLsn, endLsn: end }) => end - startLsn === 16n * 1024n * 1024n,
    );
    const keys: string[] = [];
    for await (const { key } of lab.repository.storage.list('wal/')) if (/\/[0-9A-F]{24}$/.test(key)) keys.push(key);
    expect(whole.length).toBeGreaterThan(2);
    const file = `${lab.folder}/repository/${keys[2]!}`;
    await rm(file);
    const pieces = [];
    for await (const { key } of lab.repository.storage.list('wal/')) pieces.push(key);
    const parts = pieces.filter((key) => key.startsWith(`${keys[2]!}.`));
    for (const key of parts) await lab.repository.storage.remove(key);
    const targets = [
      { kind: 'lsn', value: endLsn },
      { kind: 'time', value: afterAll },
    ] as const;
    for (const [attempt, target] of targets.entries()) {
      const wal: WalTarget = { ...target, timeline: 1, endLsn };
      await driver.stage(step(record, 1, attempt + 1, wal));
      await expect(
        driver.validate({ ...step(record, 2, attempt + 1, wal), staged: step(record, 1, attempt + 1).token }),
      ).rejects.toMatchObject({ code: 'ValidationFailed' });
      await driver.undo(step(record, 9, attempt + 1, wal));
    }
  },
);

labTest(
  'a fault of the archive ends a recovery with an error, never with fewer rows; without it all are there',
  async ({ lab: make }) => {
    const lab = await make({ setup: events });
    const { driver, step, repository } = lab;
    const shift = await archivingOf(lab);
    const record = await lab.capture();
    for (let part = 0; part < 4; part += 1) {
      await commitRows(lab, 1 + part * 10, 10);
      await lab.sql('SELECT pg_switch_wal()');
    }
    await commitRows(lab, 41, 5);
    const position = formatLsn(await flushed(lab));
    const { rows } = await lab.sql('SELECT clock_timestamp()::text AS now');
    const endLsn = await archived(lab);
    shift.abort();
    await shift.running.catch(() => undefined);
    const faults: Record<string, (bytes: Uint8Array) => Uint8Array> = {
      'cannot be read': () => {
        throw new LifeboatError('StorageFailed', 'the disk went away');
      },
      'is damaged': (bytes) => Uint8Array.from(bytes, (byte, index) => (index === bytes.length - 30 ? byte ^ 1 : byte)),
    };
    const targets: WalTarget[] = [
      { kind: 'lsn', value: position, timeline: 1, endLsn },
      { kind: 'time', value: (rows[0] as { now: string }).now, timeline: 1, endLsn },
    ];
    let attempt = 0;
    for (const wal of targets)
      for (const [name, fault] of [...Object.entries(faults), ['is whole', undefined] as const]) {
        attempt += 1;
        const faulty = await openRepository(failing(repository.storage, 3, fault), testKey);
        const context = { repository: faulty, staged: step(record, 1, attempt).token };
        await driver.stage({ ...step(record, 1, attempt, wal), repository: faulty });
        const validated = driver.validate({ ...step(record, 2, attempt, wal), ...context });
        if (fault === undefined) expect(eventsIn(await validated)).toBe('45 rows');
        else
          await expect(validated, `${wal.kind}: a piece ${name}`).rejects.toSatisfy((error) => isLifeboatError(error));
        await driver.undo(step(record, 9, attempt, wal));
        await faulty.close();
      }
  },
);

/** A storage whose n-th read of a piece of WAL, and each that follows, goes through the fault. */
function failing(storage: Storage, from: number, fault: ((bytes: Uint8Array) => Uint8Array) | undefined): Storage {
  let reads = 0;
  return new Proxy(storage, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== 'read') return value.bind(target) as unknown;
      return async (key: string, ...more: []) => {
        const bytes = await target.read(key, ...more);
        if (!/^wal\/.*\/[0-9A-F]{24}/.test(key) || fault === undefined) return bytes;
        reads += 1;
        return reads < from ? bytes : fault(bytes);
      };
    },
  });
}
