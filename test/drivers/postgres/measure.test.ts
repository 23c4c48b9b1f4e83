/** What is measured of tables is what the server itself says of them, whatever an application has put in the way. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { formatLsn } from '../../../src/domain/lsn.ts';
import { isFailed, isHeld } from '../../../src/domain/probes.ts';
import type { ComponentRecord, ProbeResult } from '../../../src/domain/recovery-point.ts';
import { openSession, type Session } from '../../../src/drivers/postgres/server/connection.ts';
import { factsPath, type SealedFacts } from '../../../src/drivers/postgres/facts.ts';
import { beginSnapshot, measure } from '../../../src/drivers/postgres/verify/fingerprint.ts';
import { listTablesNow } from '../../../src/drivers/postgres/verify/list-tables.ts';
import { waitFor } from '../../support/wait-for.ts';
import { flushed, shift, shiftPast, write } from './archiving.ts';
import { database, labTest, sealedJson, someTables, type Lab } from './lab.ts';

const isThere = async (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const sessionOf = async ({ server, config }: Lab, name = database): Promise<Session> =>
  openSession({ ...config, password: server.password }, 'postgres', { database: name });

const factsOf = async ({ repository }: Lab, record: ComponentRecord): Promise<SealedFacts> =>
  sealedJson<SealedFacts>(repository, record, factsPath);

const outcomeOf = (probes: readonly ProbeResult[], table: string): string | undefined => {
  const probe = probes.find(({ name }) => name === `table public.${table}`);
  return probe && (isHeld(probe) ? 'held' : isFailed(probe) ? `failed: ${probe.actual}` : 'not compared');
};

/** As every version has hashed the rows of a table whose text is its own. */
const formula = (table: string): string =>
  `SELECT encode(sha256(coalesce(string_agg(h, ''::bytea ORDER BY h), ''::bytea)), 'hex') AS hash
     FROM (SELECT sha256(convert_to(lifeboat_row::text, 'UTF8')) AS h FROM ONLY ${table} AS lifeboat_row) each`;

/** A function of an application that leaves a trace where it runs with the rights of a superuser. */
const trap = (path: string, signature: string, answer: string): string =>
  `CREATE FUNCTION public.${signature} LANGUAGE plpgsql AS $$
     BEGIN IF (SELECT usesuper FROM pg_catalog.pg_user WHERE usename = current_user) THEN COPY (SELECT 1) TO '${path}'; END IF;
     ${answer} END $$;`;

labTest(
  'F2: casts of an application neither hide what was lost nor fail a good point, and ordinary rows hash as ever',
  async ({ lab: make, folder }) => {
    const trace = join(folder, 'cast');
    const lab = await make({
      setup: `CREATE TYPE pair AS (a numeric, b text); CREATE DOMAIN word AS text; CREATE TYPE mood AS ENUM ('so', 'so so');
        CREATE TABLE person (id int PRIMARY KEY, name text, balance numeric);
        INSERT INTO person SELECT g, 'p' || g, g * 10 FROM generate_series(1, 50) g;
        CREATE TABLE session (id int, since timestamptz); INSERT INTO session VALUES (1, now());
        CREATE TABLE "Plain ""x""" (id int, gone int, t text, w word, m mood, p pair, a text[], j jsonb, r int4range,
          at timestamptz, n numeric, f float8, b bytea, u uuid, l text);
        INSERT INTO "Plain ""x""" SELECT g, g, CASE g % 4 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE E'a,"(\\\\ü' || g END, 'w', 'so so',
          ROW(g / 3.0, 'x y')::pair, ARRAY['a b', NULL, 'c"'], '{"a": [1, null]}', int4range(1, g + 1), now(), g / 7.0, g / 7.0::float8,
          decode(md5(g::text), 'hex'), md5(g::text)::uuid, repeat(md5(g::text), 200) FROM generate_series(1, 500) g;
        ALTER TABLE "Plain ""x""" DROP COLUMN gone;
        CREATE TABLE named (lifeboat_row int, other int); INSERT INTO named VALUES (1, 1);
        CREATE MATERIALIZED VIEW seen AS SELECT id, t, p FROM "Plain ""x""";
        CREATE FUNCTION label(person) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.name';
        CREATE CAST (person AS text) WITH FUNCTION label(person);
        CREATE FUNCTION age_of(session) RETURNS text LANGUAGE sql AS 'SELECT (clock_timestamp() - $1.since)::text';
        CREATE CAST (session AS text) WITH FUNCTION age_of(session);
        CREATE ROLE app; GRANT CREATE ON SCHEMA public TO app; SET ROLE app; CREATE TABLE bait AS SELECT 1 AS x;
        ${trap(trace, 'evil(public.bait) RETURNS text', "RETURN 'x';")}
        CREATE CAST (bait AS text) WITH FUNCTION evil(bait)`,
    });
    const record = await lab.capture();
    const facts = await factsOf(lab, record);
    const session = await sessionOf(lab);
    await beginSnapshot(session);
    for (const table of ['public."Plain ""x"""', 'public.seen'])
      expect(facts.tables.find((each) => each.table === table)?.hash, table).toBe(
        (await session.row(formula(table)))['hash'],
      );
    await session.end();
    const tables = ['person', 'named', 'session', 'bait', '"Plain ""x"""', 'seen'];
    await lab.driver.stage(lab.step(record, 1));
    const probes = await lab.driver.validate(lab.step(record, 2));
    expect(tables.map((table) => outcomeOf(probes, table))).toEqual(tables.map(() => 'held'));
    await lab.goLive(record);
    await lab.sql('UPDATE person SET balance = 0; UPDATE named SET other = 2');
    const after = await lab.driver.probe(lab.step(record, 4));
    expect(outcomeOf(after, 'person')).toContain('failed: 50 rows');
    expect(outcomeOf(after, 'named')).toContain('failed: 1 rows');
    expect(await isThere(trace)).toBe(false);
  },
);

labTest(
  'F2: neither functions and tables that shadow the server’s own nor a view in the place of a table run with our rights',
  async ({ lab: make, folder }) => {
    const trace = join(folder, 'shadow');
    const lab = await make({
      setup: `CREATE TABLE plain AS SELECT 1 AS x; CREATE TABLE same AS SELECT 1 AS x;
        CREATE ROLE app; GRANT CREATE ON SCHEMA public TO app; GRANT CREATE ON DATABASE ${database} TO app; SET ROLE app;
        CREATE TABLE made AS SELECT 1 AS x; CREATE TABLE turned (x int);
        ${trap(trace, 'format(text, name, name) RETURNS text', 'RETURN pg_catalog.format($1, $2, $3);')}
        ${trap(trace, 'set_config(text, text, boolean) RETURNS text', 'RETURN pg_catalog.set_config($1, $2, $3);')}
        ${trap(trace, 'current_setting(text) RETURNS text', 'RETURN pg_catalog.current_setting($1);')}
        ${trap(trace, 'to_regclass(text) RETURNS regclass', 'RETURN pg_catalog.to_regclass($1);')}
        ${trap(trace, 'evil() RETURNS int', 'RETURN 1;')}
        CREATE VIEW pg_settings AS SELECT *, public.evil() FROM pg_catalog.pg_settings;
        CREATE VIEW pg_tablespace AS SELECT *, public.evil() FROM pg_catalog.pg_tablespace;
        RESET ROLE; ALTER DATABASE ${database} SET search_path = public, pg_catalog`,
    });
    const { sql, driver } = lab;
    expect((await driver.check()).filter(({ level }) => level === 'fail')).toEqual([]);
    const record = await lab.capture();
    expect(record.facts['notes']).toEqual([]);
    await driver.stage(lab.step(record, 1));
    expect((await driver.validate(lab.step(record, 2))).filter(isFailed)).toEqual([]);
    expect(await isThere(trace)).toBe(false);

    const session = await sessionOf(lab);
    await beginSnapshot(session);
    const view = 'WITH (security_invoker = true) AS SELECT public.evil() AS x';
    await sql(`SET ROLE app; DROP TABLE public.made; CREATE VIEW public.made ${view}`);
    // Later servers make no view of a table.
    const isOld = lab.server.majorVersion === 15;
    if (isOld)
      await sql(
        'SET ROLE app; CREATE RULE "_RETURN" AS ON SELECT TO public.turned DO INSTEAD SELECT public.evil() AS x',
      );
    const exchanged = ['public.made', ...(isOld ? ['public.turned'] : [])];
    for (const table of exchanged)
      expect(await measure(session, table, 'content')).toMatchObject({
        problem: expect.stringMatching('restricted|exchanged') as string,
      });
    // As on servers that do not know the setting.
    await session.rows(
      "SELECT set_config(name, '', true) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'",
    );
    for (const table of exchanged)
      expect(await measure(session, table, 'content')).toMatchObject({
        problem: 'it was dropped or exchanged meanwhile',
      });
    expect(await measure(session, 'public.same', 'content')).toMatchObject({ rows: '1' });
    // Of many tables: one kept for each would leave no room for the application's.
    expect(
      await session.rows(`SELECT relation FROM pg_locks WHERE pid = pg_backend_pid() AND relation > 16383`),
    ).toEqual([]);
    await session.end();
    expect(await isThere(trace)).toBe(false);
  },
);

labTest(
  'F2: what a prepared transaction locks stops neither doctor nor backup nor a restore to a moment; doctor names it',
  async ({ lab: make }) => {
    const lab = await make({ settings: { max_prepared_transactions: '5' }, lockTimeoutMs: 200 });
    const { driver, step } = lab;
    await shift(lab, 1000);
    const base = await lab.capture();
    const client = await lab.server.connect(database);
    for (const text of ['BEGIN', 'ALTER TABLE users ADD COLUMN extra int', `PREPARE TRANSACTION 'it''s lost'`])
      await client.query(text);
    await client.end();
    const locked = "locked by the prepared transaction `it's lost`";

    const findings = (await driver.check()).filter(({ name }) => name === 'postgres: prepared transactions');
    expect(findings).toMatchObject([
      {
        level: 'warn',
        text: expect.stringMatching(/^`it's lost` of `postgres` in database `wazuh_chat` has waited \d+ s/) as string,
        hint: expect.stringContaining(`COMMIT PREPARED 'it''s lost'; or ROLLBACK PREPARED 'it''s lost';`) as string,
      },
    ]);
    const record = await lab.capture();
    expect(record.facts['notes']).toEqual(['1 table without a fingerprint: it was locked']);
    expect((await factsOf(lab, record)).unmeasured).toEqual([{ table: 'public.users', why: locked }]);
    await driver.stage(step(record, 1));
    const probes = await driver.validate(step(record, 2));
    expect(probes.filter(isFailed)).toEqual([]);
    expect([outcomeOf(probes, 'users'), outcomeOf(probes, 'messages')]).toEqual(['not compared', 'held']);

    // The base measured it, and the transaction comes back with the replay.
    await write(lab, 10);
    const value = formatLsn(await flushed(lab));
    await shiftPast(lab);
    const wal = { kind: 'lsn', value, timeline: 1, endLsn: value } as const;
    await driver.stage(step(base, 1, 2, wal));
    const moment = await driver.validate({ ...step(base, 2, 2, wal), staged: step(base, 1, 2).token });
    expect(moment.filter(isFailed)).toEqual([]);
    expect([outcomeOf(moment, 'users'), outcomeOf(moment, 'messages')]).toEqual(['not compared', 'held']);
    expect(moment.find(({ name }) => name === 'table public.users')?.actual).toContain(locked);
  },
);

labTest(
  'F2: what a session keeps locked is left without a fingerprint, and nothing waits for it or for a standby without limit',
  async ({ lab: make }) => {
    const lab = await make({
      settings: { synchronous_standby_names: 'gone' },
      setup: `SET synchronous_commit = local; ${someTables}`,
      lockTimeoutMs: 200,
    });
    await lab.capture();
    const client = await lab.server.connect(database);
    await client.query('BEGIN; LOCK TABLE users, scratch, messages, lifeboat.backup_token IN ACCESS EXCLUSIVE MODE');
    expect((await lab.driver.check()).filter(({ level }) => level !== 'ok')).toEqual([]);
    const record = await lab.capture();
    const [token, ...notes] = record.facts['notes'] as string[];
    expect(token).toMatch(/^no token row: .*lock timeout/);
    expect(notes).toEqual(['2 tables without a fingerprint: it was locked']);
    const why = expect.stringMatching(/^locked by another session \(pid \d+, role `postgres`/) as string;
    expect((await factsOf(lab, record)).unmeasured).toEqual([
      { table: 'public.messages', why },
      { table: 'public.users', why },
    ]);
    await client.query('ROLLBACK');

    // Its commit is in the log, and so in the copy, before anybody is shown it.
    const lost = client.query('DELETE FROM users WHERE id > 200').catch(() => undefined);
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
    await waitFor(async () => expect((await lab.sql(waiting)).rowCount).toBe(1));
    const beside = await lab.capture();
    await lab.driver.stage(lab.step(beside, 1));
    const probes = await lab.driver.validate(lab.step(beside, 2));
    expect(probes.filter(isFailed)).toEqual([]);
    expect([outcomeOf(probes, 'users'), outcomeOf(probes, 'messages')]).toEqual(['held', 'held']);
    expect(probes).toContainEqual(
      expect.objectContaining({ expected: '200 to 300 rows from before the backup, 5 columns' }),
    );
    await client.end();
    await lost;
  },
);

labTest(
  'F2: bytes that are no text in UTF-8 are measured as they are, at each moment; a name of such bytes stops nothing',
  async ({ lab: make }) => {
    const lab = await make({ isWhole: true });
    await lab.sql("CREATE DATABASE legacy ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    await lab.sql("CREATE DATABASE windows ENCODING 'WIN1252' LOCALE 'C' TEMPLATE template0");
    const client = await lab.server.connect('legacy');
    await client.query(`CREATE TABLE notes AS SELECT g AS id, 'grün ' || g AS body FROM generate_series(1, 100) g`);
    const driver = lab.driverWith({ database: 'legacy' });
    const { step } = lab;
    await shift(lab, 1000);
    const base = await lab.capture(driver);
    const session = await sessionOf(lab, 'legacy');
    const hashOf = async (table: string) => (await session.row(formula(table)))['hash'];
    expect((await factsOf(lab, base)).tables).toMatchObject([{ hash: await hashOf('public.notes') }]);
    await session.end();

    await client.query("INSERT INTO notes VALUES (101, E'caf\\351')");
    const value = formatLsn(await flushed(lab));
    await shiftPast(lab);
    const wal = { kind: 'lsn', value, timeline: 1, endLsn: value } as const;
    await driver.stage(step(base, 1, 2, wal));
    const moment = await driver.validate({ ...step(base, 2, 2, wal), staged: step(base, 1, 2).token });
    expect([moment.filter(isFailed), outcomeOf(moment, 'notes')]).toEqual([[], 'held']);

    await client.query(`DO $$ BEGIN EXECUTE 'CREATE TABLE "caf' || chr(233) || '" (x int)';
      EXECUTE 'CREATE UNLOGGED TABLE "th' || chr(233) || '" (x int)'; END $$`);
    await client.end();
    expect((await driver.check()).filter(({ level }) => level !== 'ok')).toMatchObject([
      { name: 'postgres: database', level: 'warn', text: expect.stringContaining('(`public."caf\\xe9"`, `') as string },
    ]);
    const record = await lab.capture(driver);
    const { tables, unmeasured } = await factsOf(lab, record);
    expect(tables.map(({ table, mostRows, hash }) => [table, mostRows, hash?.length])).toEqual([
      ['public.notes', '101', 64],
    ]);
    expect(unmeasured).toEqual([{ table: 'public."caf\\xe9"', why: 'its name is no text' }]);
    await driver.stage(step(record, 1));
    const probes = await driver.validate(step(record, 2));
    expect([probes.filter(isFailed), outcomeOf(probes, 'notes')]).toEqual([[], 'held']);

    // Of an encoding with bytes that stand for nothing: only the table that has one is hashed as it is stored.
    const windows = await sessionOf(lab, 'windows');
    await windows.rows(
      `CREATE TABLE public.usual AS SELECT 'gr' || chr(252) || 'n' AS body; CREATE TABLE public.odd AS SELECT chr(129) AS body`,
    );
    await windows.rows(
      `DO $$ BEGIN EXECUTE 'CREATE TABLE public."o' || chr(129) || 'd" (x int)'; EXECUTE 'CREATE TABLE public."gr' || chr(252) || 'n" (x int)'; END $$`,
    );
    expect((await listTablesNow(windows)).map(({ table, hidden }) => [table, hidden])).toEqual([
      ['public."grün"', undefined],
      ['public.odd', undefined],
      ['public."o\\x81d"', 'its name is no text'],
      ['public.usual', undefined],
    ]);
    const usual = (await windows.row(formula('public.usual')))['hash'];
    await beginSnapshot(windows);
    for (const [table, hash] of [
      ['public.odd', expect.stringMatching(/^[0-9a-f]{64}$/)],
      ['public.usual', usual],
    ] as const)
      expect(await measure(windows, table, 'content')).toMatchObject({ rows: '1', hash });
    await windows.rows('COMMIT');

    // Of many rows the hashes are more than the server's memory should hold, or its temporary files may.
    await windows.rows(
      `CREATE TABLE public.many AS SELECT g AS id, repeat('x', 1900) AS t FROM generate_series(1, 10000) g;
       DELETE FROM public.many WHERE id <= 4000`,
    );
    await beginSnapshot(windows);
    const [bytes, depths] = [1e9, { content: { depth: 'content' }, count: { depth: 'count', rows: '6000' } }];
    expect(await measure(windows, 'public.many', { bytes })).toMatchObject(depths.content);
    expect(await measure(windows, 'public.many', { bytes, rows: 6000 })).toMatchObject(depths.content);
    expect(await measure(windows, 'public.many', { bytes, rows: 5999 })).toMatchObject(depths.count);
    await windows.rows(`SET LOCAL work_mem = '64kB'; SET LOCAL temp_file_limit = 0`);
    expect(await measure(windows, 'public.many', { bytes })).toMatchObject(depths.count);
    expect(await measure(windows, 'public.many', 'content')).toMatchObject({
      problem: expect.stringContaining('temp_file_limit') as string,
    });
    await windows.end();
  },
);
