import { chmod, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, vi } from 'vitest';
import { captureComponent } from '../../../src/operations/backup/capture-component.ts';
import type { SealedFacts } from '../../../src/drivers/postgres/facts.ts';
import { labTest, sealedJson, someTables, withWriter } from './lab.ts';

labTest(
  'D2.1: a base backup is self-contained: server manifest verbatim, all WAL, versions and fingerprints',
  async ({ lab }) => {
    const { repository, capture, server } = await lab();
    const record = await capture();
    const names = new Set<string>();
    for await (const entry of repository.readIndex(record.indexId)) names.add(entry.path);
    for (const name of ['backup_label', 'global/pg_control', 'PG_VERSION', '.lifeboat/facts.json'])
      expect(names).toContain(name);
    expect([...names].filter((name) => /^pg_wal\/[0-9A-F]{24}$/.test(name)).length).toBeGreaterThan(0);
    const manifest = await sealedJson<{ Files: { Path: string }[] }>(repository, record, '.lifeboat/backup_manifest');
    expect(manifest.Files.every((file) => names.has(file.Path))).toBe(true);
    const facts = await sealedJson<SealedFacts>(repository, record, '.lifeboat/facts.json');
    expect(facts).toMatchObject({
      major: server.majorVersion,
      blockBytes: 8192,
      checksums: true,
      database: 'wazuh_chat',
      superuser: 'postgres',
    });
    expect(facts.systemIdentifier).toMatch(/^\d{19}$/);
    expect(facts.unlogged).toEqual(['public.scratch']);
  },
);

labTest('O7.1: a second backup of unchanged data stores next to nothing', async ({ lab }) => {
  const { repository, driver, capture } = await lab();
  const first = await capture();
  const backupId = await repository.reserve(new Date(), 'second');
  const second = await captureComponent({
    repository,
    driver,
    host: 'main',
    backupId,
    previous: first,
    resumePacks: [],
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  expect(second.storedBytes).toBeLessThan(first.storedBytes / 10);
});

labTest('D2.1: a database without tables, or none of that name, is an empty source', async ({ lab }) => {
  const { capture, driverWith } = await lab({ setup: 'SELECT 1' });
  await expect(capture()).rejects.toMatchObject({ code: 'SourceEmpty', message: /`wazuh_chat` has no table/ });
  await expect(capture(driverWith({ database: 'nowhere' }))).rejects.toMatchObject({
    code: 'SourceEmpty',
    message: /no database `nowhere`/,
  });
});

labTest('O12: a refused password is AuthFailed and stands nowhere in the error', async ({ lab }) => {
  const { capture, driverWith } = await lab();
  const driver = driverWith({ password: { from: 'literal', value: 'canary-secret-7431' } });
  const error: unknown = await capture(driver).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'AuthFailed', component: 'postgres' });
  expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary-secret');
  expect(inspect(await driver.check(), { depth: 20 })).not.toContain('canary-secret');
});

labTest('O12: a role without rights gets the exact statements, and with them it captures', async ({ lab }) => {
  const { sql, capture, driverWith } = await lab();
  await sql(`CREATE ROLE "back up" LOGIN PASSWORD 'pw'`);
  const driver = driverWith({ user: 'back up', password: { from: 'literal', value: 'pw' } });
  const hintOf = async (name: string) =>
    (await driver.check()).find((finding) => finding.name === `postgres: ${name}` && finding.hint);

  await expect(capture(driver)).rejects.toMatchObject({
    code: 'PermissionDenied',
    hint: 'run as a superuser: ALTER ROLE "back up" REPLICATION;',
  });
  await sql('ALTER ROLE "back up" REPLICATION');
  expect((await hintOf('settings'))?.hint).toBe('run as a superuser: GRANT pg_read_all_settings TO "back up";');
  await sql('GRANT pg_read_all_settings TO "back up"');
  expect((await hintOf('database'))?.hint).toBe('run as a superuser: GRANT pg_read_all_data TO "back up";');
  await sql('GRANT pg_read_all_data TO "back up"');
  const withoutToken = await capture(driver);
  expect(withoutToken.facts).toMatchObject({ token: false, tablesExact: 2 });
  expect(withoutToken.facts['notes']).toEqual([expect.stringContaining('no token row')]);
  const token = await hintOf('backup token');
  expect(token).toMatchObject({
    level: 'warn',
    hint: 'run as a superuser: GRANT CREATE ON DATABASE "wazuh_chat" TO "back up";',
  });
  await sql('GRANT CREATE ON DATABASE wazuh_chat TO "back up"');
  expect((await capture(driver)).facts).toMatchObject({ token: true });
  expect((await driver.check()).filter((finding) => finding.level !== 'ok')).toEqual([]);
});

labTest('a server that is not there is EngineUnavailable, in capture, estimate and doctor', async ({ lab }) => {
  const { driver, capture, stop } = await lab();
  expect((await driver.estimate()).bytes).toBeGreaterThan(10_000_000);
  await stop();
  await expect(capture()).rejects.toMatchObject({ code: 'EngineUnavailable' });
  await expect(driver.estimate()).rejects.toMatchObject({ code: 'EngineUnavailable' });
  const hint = expect.stringMatching(/^start PostgreSQL, or correct `hostname` \(127\.0\.0\.1\) and `port`/) as string;
  expect((await driver.check()).filter((finding) => finding.level === 'fail')).toMatchObject([
    { name: 'postgres: replication', hint },
    { name: 'postgres: database', hint },
  ]);
});

labTest(
  'a server process killed in the middle of the copy ends the capture with a retryable error',
  async ({ lab }) => {
    const { sql, driver, repository } = await lab();
    const captured = withWriter(repository, driver, async () => {
      const senders = await sql(`SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender'`);
      for (const { pid } of senders.rows as { pid: number }[]) process.kill(pid, 'SIGKILL');
    });
    await expect(captured).rejects.toMatchObject({ code: 'EngineUnavailable' });
  },
);

labTest('an aborted capture ends with the reason and leaves no replication slot', async ({ lab }) => {
  const { sql, driver, repository } = await lab();
  const controller = new AbortController();
  const captured = withWriter(
    repository,
    driver,
    async () => {
      expect((await sql('SELECT temporary FROM pg_replication_slots')).rows).toEqual([{ temporary: true }]);
      controller.abort(new Error('given up'));
    },
    controller.signal,
  );
  await expect(captured).rejects.toThrow('given up');
  await expect.poll(async () => (await sql('SELECT slot_name FROM pg_replication_slots')).rows).toEqual([]);
});

labTest(
  'a tablespace made while the copy runs is refused: recovery would replay it into the live folder',
  async ({ lab, folder }) => {
    const { server, driver, repository } = await lab();
    const location = join(folder, 'late');
    await mkdir(location, { mode: 0o700 });
    const captured = withWriter(repository, driver, async () => {
      const client = await server.connect();
      await client.query(`CREATE TABLESPACE late LOCATION '${location}'`);
      await client.end();
    });
    await expect(captured).rejects.toMatchObject({ code: 'SourceChanged' });
  },
);

labTest('D6.1: a corrupt page is named by file and block, and the point is sealed as suspect', async ({ lab }) => {
  const { sql, capture, stop, start, config } = await lab();
  const path = (await sql(`CHECKPOINT; SELECT pg_relation_filepath('messages') AS path`)) as unknown as {
    rows: { path: string }[];
  }[];
  const relative = path[1]!.rows[0]!.path;
  await stop();
  const file = await open(join(config.dataDirectory, relative), 'r+');
  await file.write(Buffer.from('spoiled'), 0, 7, 8192 * 3 + 4000);
  await file.close();
  await start();
  const record = await capture();
  expect(record.suspect).toBe(true);
  expect(record.facts['notes']).toContain(`corrupt page: ${relative} block 3`);
});

labTest(
  'D2.3: configuration outside the data directory is captured with its includes, and restored where it is missing',
  async ({ lab, folder }) => {
    const etc = join(folder, 'etc');
    await mkdir(join(etc, 'names'), { recursive: true });
    const hba =
      'local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\nhost all @names/more 10.0.0.0/8 scram-sha-256\n';
    await writeFile(join(etc, 'pg_hba.conf'), hba);
    await chmod(join(etc, 'pg_hba.conf'), 0o640);
    await writeFile(join(etc, 'names', 'more'), 'alice\n');
    const { repository, driver, capture, step, goLive } = await lab({
      settings: { hba_file: `'${join(etc, 'pg_hba.conf')}'` },
    });
    const record = await capture();
    const facts = await sealedJson<SealedFacts>(repository, record, '.lifeboat/facts.json');
    expect(facts.configFiles.map((file) => file.path)).toEqual([join(etc, 'pg_hba.conf'), join(etc, 'names', 'more')]);
    expect(facts.configFiles[0]).toMatchObject({ mode: 0o640, uid: process.getuid?.() });

    await writeFile(join(etc, 'pg_hba.conf'), `${hba}# changed since\n`);
    await driver.stage(step(record, 1));
    await driver.validate(step(record, 2));
    await goLive(record);
    expect(await readFile(join(etc, 'pg_hba.conf'), 'utf8')).toBe(hba);
  },
);

labTest(
  'D2.3: configuration that is missing or cannot be read fails the backup and names the file',
  async ({ lab, folder }) => {
    const etc = join(folder, 'etc');
    await mkdir(etc);
    const hba = join(etc, 'pg_hba.conf');
    await writeFile(hba, 'host all all 127.0.0.1/32 scram-sha-256\nhost all @absent 10.0.0.0/8 md5\n');
    await writeFile(join(etc, 'absent'), 'alice\n');
    const { sql, capture, driverWith } = await lab({ settings: { hba_file: `'${hba}'` }, setup: someTables });
    await rm(join(etc, 'absent'));
    await expect(capture()).rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringContaining(join(etc, 'absent')),
    });
    await writeFile(hba, 'host all all 127.0.0.1/32 scram-sha-256\n');
    await sql(
      `CREATE ROLE plain LOGIN REPLICATION PASSWORD 'pw'; GRANT pg_read_all_settings, pg_read_all_data TO plain`,
    );
    await chmod(hba, 0o000);
    await expect(
      capture(driverWith({ user: 'plain', password: { from: 'literal', value: 'pw' } })),
    ).rejects.toMatchObject({
      code: 'PermissionDenied',
      message: expect.stringContaining(hba),
      hint: expect.stringContaining('GRANT pg_read_server_files TO "plain"'),
    });
  },
);

labTest('settings of PostgreSQL’s own clients in the environment decide nothing', async ({ lab }) => {
  vi.stubEnv('PGSSLMODE', 'require');
  vi.stubEnv('PGHOST', '192.0.2.1');
  const { capture } = await lab();
  expect((await capture()).facts).toMatchObject({ token: true });
});
