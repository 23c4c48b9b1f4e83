import { lstat, mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { runBeside } from './beside.ts';
import { labTest, someTables } from './lab.ts';

const allRows = `SELECT 'm' AS t, md5(string_agg(m::text, '|' ORDER BY id)) AS rows FROM messages m
  UNION ALL SELECT 'u', md5(string_agg(u::text, '|' ORDER BY id)) FROM users u`;

labTest(
  'D6.5: a quiet server comes back with identical rows, and every table is proven by its content',
  async ({ lab }) => {
    const { driver, sql, capture, step, goLive, config } = await lab();
    const before = (await sql(allRows)).rows;
    const record = await capture();
    expect(record).toMatchObject({ quiescence: 'quiesced', suspect: false });
    expect(record.facts).toMatchObject({ tables: 2, tablesExact: 2, token: true, unloggedTables: 1 });
    await sql('DELETE FROM messages; DROP TABLE users');

    await driver.stage(step(record, 1));
    const validated = await driver.validate(step(record, 2));
    expect(validated.filter((probe) => !probe.ok)).toEqual([]);
    expect(validated.map((probe) => probe.name)).toEqual([
      'recovered position',
      'table public.messages',
      'table public.users',
      'backup token',
      'table public.scratch',
    ]);
    expect(validated.at(-1)).toMatchObject({ expected: '0 rows: it is unlogged', actual: '0 rows' });
    await goLive(record);
    expect((await sql(allRows)).rows).toEqual(before);
    const probed = await driver.probe(step(record, 4));
    expect(probed.filter((probe) => !probe.ok)).toEqual([]);
    const { safetyCopies } = await driver.commit(step(record, 5));
    expect(safetyCopies).toHaveLength(1);
    const beside = await readdir(dirname(config.dataDirectory));
    expect(beside.filter((name) => name.includes('-staging-'))).toEqual([]);

    await sql(`UPDATE users SET name = 'other' WHERE id = 7; INSERT INTO scratch VALUES (2)`);
    const spoiled = await driver.probe(step(record, 4, 2));
    expect(spoiled.filter((probe) => !probe.ok).map(({ name, actual }) => [name, actual])).toEqual([
      ['table public.users', expect.stringContaining('300 rows')],
      ['table public.scratch', '1 rows'],
    ]);
  },
);

labTest(
  'D6.5: a backup under writing load restores, and what was there before it is proven by its content',
  async ({ lab }) => {
    const { driver, sql, server, capture, step, goLive } = await lab();
    const client = await server.connect('wazuh_chat');
    let next = 10_000;
    const writer = runBeside(async () => {
      await client.query(`INSERT INTO messages VALUES ($1, 'while it is backed up')`, [next++]);
    });
    const record = await capture();
    await writer.stop();
    await client.end();
    expect(record.quiescence).toBe('snapshot');
    expect(record.facts).toMatchObject({ tables: 2, tablesExact: 2, token: true });

    await driver.stage(step(record, 1));
    expect((await driver.validate(step(record, 2))).filter((probe) => !probe.ok)).toEqual([]);
    await goLive(record);
    const probes = await driver.probe(step(record, 4));
    expect(probes.filter((probe) => !probe.ok)).toEqual([]);
    const messages = probes.find((probe) => probe.name === 'table public.messages');
    expect(messages?.expected).toMatch(/^\d+ rows from before the backup, content /);
    expect((await sql('SELECT count(*)::int AS n FROM users')).rows).toEqual([{ n: 300 }]);
  },
);

labTest(
  'D3.5: the restored cluster runs on a new timeline with its own settings, and nothing of the private server stays',
  async ({ lab }) => {
    const { driver, sql, capture, step, goLive, stop, start, config } = await lab();
    // A recovery target that an earlier restore left behind ends recovery in FATAL where it is read.
    await sql(`ALTER SYSTEM SET recovery_target_time = '2020-01-01 00:00:00'`);
    await sql(`ALTER SYSTEM SET max_connections = 37`);
    await stop();
    await start();
    const autoConf = await readFile(join(config.dataDirectory, 'postgresql.auto.conf'), 'utf8');
    const record = await capture();
    await driver.stage(step(record, 1));
    expect((await driver.validate(step(record, 2))).every((probe) => probe.ok)).toBe(true);
    await goLive(record);
    expect(await readFile(join(config.dataDirectory, 'postgresql.auto.conf'), 'utf8')).toBe(autoConf);
    const settings =
      await sql(`SELECT current_setting('max_connections') AS connections, current_setting('archive_mode') AS archive,
    current_setting('cluster_name') AS name, current_setting('hot_standby') AS standby,
    (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline`);
    expect(settings.rows).toEqual([{ connections: '37', archive: 'off', name: '', standby: 'on', timeline: 2 }]);
    const names = await readdir(config.dataDirectory);
    expect(names.filter((name) => /signal|lifeboat(?!\.conf)|tablespace_map/.test(name))).toEqual([]);
    expect((await lstat(config.dataDirectory)).mode & 0o777).toBe(0o700);
  },
);

const newerRows = `SELECT count(*)::int AS n FROM users WHERE name = 'newer than the backup'`;

labTest('D6.1: undo before the swap removes the staging and leaves the running server alone', async ({ lab }) => {
  const { driver, sql, capture, step, config } = await lab();
  const record = await capture();
  await sql(`UPDATE users SET name = 'newer than the backup'`);
  await driver.stage(step(record, 1));
  await driver.undo(step(record, 9));
  await driver.undo(step(record, 9, 2));
  expect((await sql(newerRows)).rows).toEqual([{ n: 300 }]);
  expect((await readdir(dirname(config.dataDirectory))).filter((name) => name.includes('-staging-'))).toEqual([]);
});

labTest('D6.1: undo after the swap serves the old data again, once its server is stopped', async ({ lab }) => {
  const { driver, sql, capture, step, goLive, stop, start } = await lab();
  const record = await capture();
  await sql(`UPDATE users SET name = 'newer than the backup'`);
  await driver.stage(step(record, 1));
  await driver.validate(step(record, 2));
  await goLive(record);
  expect((await sql(newerRows)).rows).toEqual([{ n: 0 }]);
  await expect(driver.undo(step(record, 9))).rejects.toMatchObject({ code: 'Precondition' });
  await stop();
  await driver.undo(step(record, 9, 2));
  await driver.undo(step(record, 9, 3));
  await start();
  expect((await sql(newerRows)).rows).toEqual([{ n: 300 }]);
});

labTest(
  'O1.1: nothing is swapped while a server runs on the live data, nor before validation has ended',
  async ({ lab }) => {
    const { driver, capture, step, stop } = await lab();
    const record = await capture();
    await driver.stage(step(record, 1));
    await expect(driver.swap(step(record, 3))).rejects.toMatchObject({ code: 'Precondition', message: /runs on/ });
    await stop();
    await expect(driver.swap(step(record, 3, 2))).rejects.toMatchObject({
      code: 'Precondition',
      message: /not validated/,
    });
  },
);

labTest('D6.1: a lost data directory comes back, swapped twice without harm', async ({ lab }) => {
  const { driver, sql, capture, step, stop, start, config } = await lab({ setup: someTables });
  const record = await capture();
  await stop();
  await rm(config.dataDirectory, { recursive: true });
  const [target] = await driver.restoreTargets(record);
  expect(target).toMatchObject({ path: config.dataDirectory, liveBytes: 0, problems: [] });
  await driver.stage(step(record, 1));
  await driver.stage(step(record, 1));
  await driver.validate(step(record, 2));
  await driver.swap(step(record, 3));
  await driver.swap(step(record, 3, 2));
  await start();
  expect((await driver.probe(step(record, 4))).every((probe) => probe.ok)).toBe(true);
  expect((await sql('SELECT count(*)::int AS n FROM messages')).rows).toEqual([{ n: 5000 }]);
});

labTest('D1.1: a tablespace is captured from its own path and restored to it', async ({ lab, folder }) => {
  const location = join(folder, 'space of its own');
  await mkdir(location, { mode: 0o700 });
  const { driver, server, sql, capture, step, goLive } = await lab();
  const admin = await server.connect();
  await admin.query(`CREATE TABLESPACE other LOCATION '${location}'`);
  await admin.end();
  await sql(`CREATE TABLE elsewhere TABLESPACE other AS SELECT g AS id FROM generate_series(1, 1000) g`);
  const record = await capture();
  expect(record.facts['tablespaces']).toHaveLength(1);
  await sql('DELETE FROM elsewhere');
  const targets = await driver.restoreTargets(record);
  expect(targets.map((target) => target.path)).toContain(location);

  await driver.stage(step(record, 1));
  const validated = await driver.validate(step(record, 2));
  expect(validated.filter((probe) => !probe.ok)).toEqual([]);
  // The live tablespace was not touched by the private server.
  expect((await sql('SELECT count(*)::int AS n FROM elsewhere')).rows).toEqual([{ n: 0 }]);
  await goLive(record);
  expect((await sql('SELECT count(*)::int AS n FROM elsewhere')).rows).toEqual([{ n: 1000 }]);
  const where = await sql(`SELECT pg_tablespace_location(oid) AS path FROM pg_tablespace WHERE spcname = 'other'`);
  expect(where.rows).toEqual([{ path: location }]);
});
