/** What is expected of a database that is written to while it is copied: a good point never fails, and what was lost is seen. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { findPostgresBin } from '../../../src/dev/engines.ts';
import { plural } from '../../../src/domain/plural.ts';
import { isFailed, isHeld, isProven } from '../../../src/domain/probes.ts';
import type { ComponentRecord, ProbeResult } from '../../../src/domain/recovery-point.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { openSession } from '../../../src/drivers/postgres/server/connection.ts';
import { factsPath, type SealedFacts } from '../../../src/drivers/postgres/facts.ts';
import { isEarlier, passedOverSince, type Transactions } from '../../../src/drivers/postgres/verify/passed-over.ts';
import { readUnsettled } from '../../../src/drivers/postgres/verify/unsettled.ts';
import { captureComponent } from '../../../src/operations/backup/capture-component.ts';
import type { ComponentWriter, Repository } from '../../../src/repository/repository.ts';
import { doctored } from '../../support/doctored.ts';
import { database, labTest, overriding, sealedJson, type Lab } from './lab.ts';

interface Moments {
  /** While the server sends its files. */
  readonly during: () => Promise<unknown>;
  /** After its end, and before the tables are measured again: the server sends its log last. */
  readonly afterEnd: () => Promise<unknown>;
}

async function captureBeside({ repository, sql }: Lab, driver: Driver, moments: Moments): Promise<ComponentRecord> {
  let opened = 0;
  let isOver = false;
  const writeComponent: Repository['writeComponent'] = async (options) => {
    const writer = await repository.writeComponent(options);
    const open: ComponentWriter['open'] = async (entry, size) => {
      // While nothing is read on, the server waits with more than the buffers of a Unix socket hold.
      if (++opened === 1) {
        await moments.during();
        const { rows } = await sql('SELECT phase FROM pg_stat_progress_basebackup');
        expect(rows).toEqual([{ phase: 'streaming database files' }]);
      }
      if (!isOver && entry.path.startsWith('pg_wal/0')) {
        isOver = true;
        await moments.afterEnd();
      }
      return writer.open(entry, size);
    };
    return overriding(writer, { open });
  };
  const record = await captureComponent({
    repository: overriding(repository, { writeComponent }),
    driver,
    host: 'main',
    backupId: await repository.reserve(new Date(), `test-${randomBytes(4).toString('hex')}`),
    previous: undefined,
    resumePacks: [],
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  expect(isOver).toBe(true);
  return record;
}

const outcomes = (probes: readonly ProbeResult[], tables: readonly string[]) =>
  Object.fromEntries(
    tables.map((table) => {
      const probe = probes.find(({ name }) => name === `table public.${table}`);
      const outcome = probe && (isHeld(probe) ? 'held' : isFailed(probe) ? 'failed' : 'not compared');
      return [table, outcome && `${outcome}: ${probe.expected.replace(/(content|blocks) [0-9a-f]{16}/, '$1')}`];
    }),
  );

const within = (rows: number | string) => `held: ${rows} rows from before the backup`;

type Earlier = Extract<NonNullable<SealedFacts['earlier']>, { passedOver: unknown }>;

/** Those of the numbers that the condition takes. */
async function earlierOf(
  { sql }: Lab,
  passedOver: readonly Transactions[],
  numbers: readonly bigint[],
): Promise<bigint[]> {
  const list = numbers.map((number, at) => `('${BigInt.asUintN(32, number)}'::xid, ${at})`).join(', ');
  const { rows } = await sql(
    `SELECT at FROM (VALUES ${list}) AS t(x, at) WHERE ${isEarlier('x', passedOver)} ORDER BY at`,
  );
  return rows.map(({ at }: { at: number }) => numbers[at]!);
}

/** As if the server had seen so many transactions since its rows were written. */
async function moveCounter(lab: Lab, xid: number): Promise<void> {
  for (const name of [database, 'postgres']) {
    const client = await lab.server.connect(name);
    await client.query('VACUUM FREEZE');
    await client.end();
  }
  const { dataDirectory } = lab.server;
  await lab.stop();
  const reset = ['-f', '-x', `${xid}`, '-u', `${xid - 2_000_000_000}`, '-e', '0', '-D', dataDirectory];
  await promisify(execFile)(join(findPostgresBin(), 'pg_resetwal'), reset);
  const segment = Math.floor(xid / 2 ** 20)
    .toString(16)
    .toUpperCase()
    .padStart(4, '0');
  await writeFile(join(dataDirectory, 'pg_xact', segment), Buffer.alloc(2 ** 18));
  await lab.start();
}

labTest(
  'F2: beside transactions that are open for long all is compared that was committed before the backup, whatever the counter shows',
  async ({ lab: make }) => {
    const lab = await make({
      settings: { autovacuum: 'off', max_prepared_transactions: '1' },
      setup: `CREATE TABLE old AS SELECT g AS id FROM generate_series(1, 1000) g; CREATE TABLE jobs (id int);
        CREATE TABLE users AS SELECT g AS id, 'old' AS n FROM generate_series(1, 10) g; CREATE TABLE price AS SELECT 1 AS id;
        CREATE TABLE busy AS SELECT g AS id, md5(g::text) AS secret, 0 AS v FROM generate_series(1, 20) g`,
    });
    // Rows of a young server look as if a transaction of the next round had written them.
    await moveCounter(lab, 3_500_000_000);
    const { sql, server, step } = lab;
    const driver = lab.driverWith({ hostname: server.socketDirectory });
    const [idle, batch] = await Promise.all([1, 2].map(() => server.connect(database)));
    await idle!.query(`BEGIN; INSERT INTO jobs VALUES (1); DELETE FROM old WHERE id = 7`);
    await sql(`BEGIN; INSERT INTO jobs VALUES (2); PREPARE TRANSACTION 'forgotten'`);
    // Subtransactions have numbers that no snapshot names, more of them than the server keeps at hand.
    await batch!
      .query(`BEGIN; INSERT INTO jobs VALUES (3); SAVEPOINT gone; INSERT INTO users VALUES (0, ''); ROLLBACK TO gone;
      DO $$ BEGIN FOR i IN 2001..2100 LOOP BEGIN INSERT INTO users VALUES (i, 'sub'); EXCEPTION WHEN OTHERS THEN RAISE; END; END LOOP; END $$`);
    await sql(`INSERT INTO users SELECT g, md5(g::text) FROM generate_series(11, 1000) g`);
    await sql('UPDATE price SET id = 2');
    await sql('CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 500) g');
    const session = await openSession({ ...lab.config, password: server.password }, 'postgres', { database });
    const runningAt = async (most?: Parameters<typeof readUnsettled>[1]) =>
      (await readUnsettled(session, most)).running.map((range) => range.map((xid) => Number(xid) - 3_500_000_000));
    expect((await runningAt()).join(' ')).toBe('0,3 4,105');
    expect((await runningAt({ asked: 50n, ranges: 2 })).join(' ')).toBe('58,105');
    expect((await runningAt({ asked: 1000n, ranges: 1 })).join(' ')).toBe('0,105');
    await session.end();
    const record = await captureBeside(lab, driver, {
      during: async () => {
        await batch!.query('COMMIT');
        await sql('UPDATE busy SET v = 1 WHERE id = 3');
      },
      // Of the rows that were there as many go as came.
      afterEnd: async () => sql('DELETE FROM users WHERE id <= 100'),
    });
    await Promise.all([idle, batch].map(async (client) => client!.end()));
    expect(record.facts['notes']).toEqual([]);
    await driver.stage(step(record, 1));
    const probes = await driver.validate(step(record, 2));
    expect(probes.filter(isFailed)).toEqual([]);
    const tables = {
      old: `${within('999 to 1000')}, 1 column`,
      jobs: `${within(0)}, content, 1 column`,
      users: `${within('900 to 1000')}, 2 columns`,
      price: `${within(1)}, content, 1 column`,
      orders: `${within(500)}, content, 1 column`,
      busy: `${within('19 to 20')}, 3 columns`,
    };
    expect(outcomes(probes, Object.keys(tables))).toEqual(tables);
    expect(isProven(probes)).toBe(true);

    await lab.goLive(record);
    await sql(`DELETE FROM old WHERE id > 5; DELETE FROM users WHERE id > 10; DELETE FROM price; DELETE FROM orders;
      ALTER TABLE busy DROP COLUMN secret`);
    const failed = (await driver.probe(step(record, 4))).filter(isFailed);
    expect(failed.map(({ name }) => name)).toEqual(
      ['busy', 'old', 'orders', 'price', 'users'].map((table) => `table public.${table}`),
    );
    expect(failed[0]!.actual).toMatch(/, 2 columns: without `secret text`$/);

    // Our own row does not prove tables of which none was compared.
    const unknown = await doctored(lab.repository, record, {
      [factsPath]: (content) => {
        const facts = JSON.parse(content.toString()) as SealedFacts & { readonly earlier: Earlier };
        const unmeasured = facts.earlier.tables.map(({ table }) => ({ table, why: 'it was altered' }));
        return Buffer.from(JSON.stringify({ ...facts, earlier: { ...facts.earlier, tables: [] }, unmeasured }));
      },
    });
    const token = await driver.probe(step(unknown, 4));
    expect(token.filter(isHeld).map(({ name }) => name)).toEqual(['backup token']);
    expect(isProven(token)).toBe(false);
  },
);

labTest(
  'F2: what goes and comes back while the copy runs fails no good point, and what was lost of other tables is seen',
  async ({ lab: make }) => {
    const lab = await make({
      settings: { track_counts: 'off' },
      setup: `CREATE TABLE idle AS SELECT g AS id, 'x' AS t FROM generate_series(1, 30) g; CREATE TABLE lost AS TABLE idle;
        CREATE TABLE grown AS SELECT g AS id, md5(g::text) AS t FROM generate_series(1, 4000) g;
        CREATE TABLE parted (id int, k text) PARTITION BY LIST (k);
        CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a'); CREATE TABLE parted_b PARTITION OF parted DEFAULT;
        INSERT INTO parted SELECT g, CASE g % 2 WHEN 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 10) g;
        CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1);
        CREATE TABLE jobs (id int); CREATE TABLE flags (id int, isset bool); INSERT INTO flags VALUES (1, false), (2, false);
        CREATE TABLE refilled AS TABLE idle; CREATE TABLE truncated AS TABLE idle; CREATE TABLE widened AS TABLE idle;
        CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM jobs; CREATE TABLE swapped AS TABLE idle;
        CREATE TABLE other AS SELECT 7 AS id, 'y' AS t; CREATE TABLE open AS TABLE idle; CREATE TABLE late AS TABLE idle;
        CREATE TYPE mood AS ENUM ('so'); CREATE TABLE moods AS SELECT ARRAY['so'::mood] AS m;
        CREATE TABLE named AS SELECT 'idle'::regclass AS name`,
    });
    const { sql, server, step } = lab;
    // Some hundred kilobytes are counted, and of them the first blocks hashed.
    const driver = lab.driverWith({ fingerprintUpTo: 100_000, hostname: server.socketDirectory });
    const [early, open, late] = await Promise.all([1, 2, 3].map(() => server.connect(database)));
    const swap = 'ALTER TABLE swapped RENAME TO x; ALTER TABLE other RENAME TO swapped; ALTER TABLE x RENAME TO other';
    // A transaction that began to write before the first measure, and another that ends after the copy's end.
    await early!.query('BEGIN; DELETE FROM late WHERE id > 20');
    const record = await captureBeside(lab, driver, {
      during: async () => {
        await sql(`INSERT INTO jobs VALUES (1); UPDATE flags SET isset = true WHERE id = 2; DELETE FROM refilled;
          INSERT INTO grown VALUES (5001, 'new'); INSERT INTO parted VALUES (11, 'a'); UPDATE parted SET k = 'b' WHERE id = 2;
          INSERT INTO child VALUES (2); TRUNCATE truncated; REFRESH MATERIALIZED VIEW seen;
          ALTER TABLE widened ADD COLUMN u int DEFAULT 5; ALTER TYPE mood RENAME VALUE 'so' TO 'other'; ${swap}`);
        await early!.query('COMMIT');
        await open!.query('BEGIN; DELETE FROM open WHERE id > 20');
        await late!.query('BEGIN; DELETE FROM idle WHERE false; SELECT pg_current_xact_id()');
      },
      afterEnd: async () => {
        await sql(`DELETE FROM jobs; UPDATE flags SET isset = false WHERE id = 2; INSERT INTO refilled TABLE idle;
          INSERT INTO truncated TABLE idle; REFRESH MATERIALIZED VIEW seen; UPDATE parted SET k = 'a' WHERE id = 2;
          ALTER TABLE widened DROP COLUMN u; ALTER TYPE mood RENAME VALUE 'other' TO 'so'; ${swap.replaceAll('other', 'z').replaceAll('swapped', 'other').replaceAll('z', 'swapped')}`);
        await late!.query('COMMIT');
      },
    });
    await Promise.all([early, open, late].map(async (client) => client!.end()));
    expect(record.quiescence).toBe('snapshot');
    await driver.stage(step(record, 1));
    const probes = await driver.validate(step(record, 2));
    expect(probes.filter(isFailed)).toEqual([]);
    const exact = (rows: number, columns = 2) => `${within(rows)}, content, ${plural(columns, 'column')}`;
    const tables = {
      idle: exact(30),
      lost: exact(30),
      grown: `${within(4000)}, first blocks, 2 columns`,
      jobs: exact(0, 1),
      parent: exact(1, 1),
      child: exact(0, 1),
      parted_a: `${within('4 to 5')}, 2 columns`,
      parted_b: exact(5),
      flags: `${within('1 to 2')}, 2 columns`,
      refilled: `${within('0 to 30')}, 2 columns`,
      late: `${within('20 to 30')}, 2 columns`,
      open: `${within('20 to 30')}, 2 columns`,
      named: `${within(1)}, 1 column`,
      truncated: 'not compared: no measure of the capture',
      seen: 'not compared: no measure of the capture',
      widened: 'not compared: no measure of the capture',
      moods: 'not compared: no measure of the capture',
      swapped: 'not compared: no measure of the capture',
      other: 'not compared: no measure of the capture',
    };
    expect(outcomes(probes, Object.keys(tables))).toEqual(tables);
    expect(record.facts['notes']).toEqual([
      '6 tables without a fingerprint: it changed, or may have, while the backup ran',
    ]);
    const { unmeasured } = await sealedJson<SealedFacts>(lab.repository, record, factsPath);
    expect(unmeasured).toContainEqual({ table: 'public.seen', why: 'it was altered while the backup ran' });

    await lab.goLive(record);
    await sql(`UPDATE idle SET t = 'lost' WHERE id = 3; DELETE FROM lost WHERE id = 3; DELETE FROM grown WHERE id = 3999;
      DELETE FROM parted_a; INSERT INTO flags VALUES (4, true)`);
    const after = (await driver.probe(step(record, 4))).filter(isFailed);
    expect(after.map(({ name }) => name.replace('table public.', '')).toSorted()).toEqual([
      'grown',
      'idle',
      'lost',
      'parted_a',
    ]);

    // What older versions sealed: of the rows before the oldest open transaction, and before that as certain what two measures agreed on.
    const sealedBefore = async (change: (earlier: Earlier) => Partial<SealedFacts>) =>
      doctored(lab.repository, record, {
        [factsPath]: (content) => {
          const { earlier, ...facts } = JSON.parse(content.toString()) as SealedFacts & { readonly earlier: Earlier };
          const tables = earlier.tables.map((table) => ({ ...table, columns: undefined as never }));
          return Buffer.from(JSON.stringify({ ...facts, ...change({ ...earlier, tables }) }));
        },
      });
    const before = await sealedBefore(({ passedOver, tables: old }) => ({
      earlier: { before: passedOver[0]![0], tables: old },
    }));
    const found = await driver.probe(step(before, 4));
    expect(found.filter(isFailed).map(({ name }) => name)).toEqual(after.map(({ name }) => name));
    expect(outcomes(found, ['flags', 'parent'])).toEqual({ flags: within('1 to 2'), parent: `${within(1)}, content` });
    const older = await sealedBefore(({ tables: old }) => ({ earlier: undefined as never, tables: old }));
    const uncertain = await driver.probe(step(older, 4));
    expect(uncertain.filter(isFailed)).toEqual([]);
    expect(outcomes(uncertain, ['idle', 'parent'])).toEqual({
      idle: 'not compared: 30 rows, content',
      parent: 'held: 1 rows, content',
    });
    expect((await driver.probe(step({ ...older, quiescence: 'quiesced' }, 4))).filter(isFailed)).not.toEqual([]);

    // Numbers of transactions begin anew after 32 bits.
    for (const xid of [700n, 2n ** 31n + 5n, 2n ** 32n + 10n, 5n * 2n ** 32n - 9n]) {
      const [old, young] = [
        [1n, 2n, xid - 1n, xid - 2n ** 30n],
        [xid, xid + 20n, xid + 2n ** 30n - 1n],
      ];
      const passedOver = passedOverSince(`${xid}`);
      expect([await earlierOf(lab, passedOver, old), await earlierOf(lab, passedOver, young)]).toEqual([old, []]);
    }
  },
);
