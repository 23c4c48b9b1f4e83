/** What is expected of a database that is written to while it is copied: a good point never fails, and what was lost is seen. */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { isFailed, isHeld } from '../../../src/domain/probes.ts';
import type { ComponentRecord, ProbeResult } from '../../../src/domain/recovery-point.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { isEarlier } from '../../../src/drivers/postgres/earlier-rows.ts';
import { factsPath, type SealedFacts } from '../../../src/drivers/postgres/facts.ts';
import { captureComponent } from '../../../src/operations/capture-component.ts';
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

/** Those of the numbers that the condition takes. */
async function earlierOf({ sql }: Lab, xid: bigint, numbers: readonly bigint[]): Promise<bigint[]> {
  const list = numbers.map((number, at) => `('${BigInt.asUintN(32, number)}'::xid, ${at})`).join(', ');
  const { rows } = await sql(
    `SELECT at FROM (VALUES ${list}) AS t(x, at) WHERE ${isEarlier('x', `${xid}`)} ORDER BY at`,
  );
  return rows.map(({ at }: { at: number }) => numbers[at]!);
}

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
    const exact = (rows: number) => `held: ${rows} rows from before the backup, content`;
    const tables = {
      idle: exact(30),
      lost: exact(30),
      grown: 'held: 4000 rows from before the backup, first blocks',
      jobs: exact(0),
      parent: exact(1),
      child: exact(0),
      parted_a: 'held: 4 to 5 rows from before the backup',
      parted_b: exact(5),
      flags: 'held: 1 to 2 rows from before the backup',
      refilled: 'held: 0 to 30 rows from before the backup',
      late: 'held: 20 to 30 rows from before the backup',
      truncated: 'not compared: no measure of the capture',
      seen: 'not compared: no measure of the capture',
      widened: 'not compared: no measure of the capture',
      moods: 'not compared: no measure of the capture',
      named: 'not compared: no measure of the capture',
      swapped: 'not compared: no measure of the capture',
      other: 'not compared: no measure of the capture',
      open: 'not compared: no measure of the capture',
    };
    expect(outcomes(probes, Object.keys(tables))).toEqual(tables);
    expect(record.facts['notes']).toEqual([
      '8 tables without a fingerprint: it changed, or may have, while the backup ran',
    ]);
    const { unmeasured } = await sealedJson<SealedFacts>(lab.repository, record, factsPath);
    expect(unmeasured).toContainEqual({
      table: 'public.open',
      why: 'a transaction that had written to it was still open when the backup ended',
    });

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

    // Older versions sealed as certain what two measures agreed on.
    const older = await doctored(lab.repository, record, {
      [factsPath]: (content) => {
        const { earlier, ...facts } = JSON.parse(content.toString()) as SealedFacts;
        return Buffer.from(JSON.stringify({ ...facts, tables: earlier?.tables }));
      },
    });
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
      expect([await earlierOf(lab, xid, old), await earlierOf(lab, xid, young)]).toEqual([old, []]);
    }
  },
);
