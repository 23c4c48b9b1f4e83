/** A server without a database `postgres`, or one that keeps us out of it: the configured database is enough for everything. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { PostgresConfig } from '../../../src/domain/appliance.ts';
import { shift } from './archiving.ts';
import { labTest, type Lab } from './lab.ts';

const notWell = async ({ driverWith }: Lab, changes: Partial<PostgresConfig> = {}): Promise<unknown[]> =>
  (await driverWith(changes).check()).filter(({ level }) => level !== 'ok');

labTest('without a database `postgres` a server is checked, captured, archived and restored', async ({ lab: make }) => {
  const lab = await make();
  const { config, driver, driverWith, sql, capture, step, goLive } = lab;
  await sql('DROP DATABASE postgres');
  expect(await notWell(lab)).toEqual([]);
  const { signal } = new AbortController();
  expect(await driver.ready!(signal)).toMatchObject({ ready: true });
  expect((await driver.estimate()).bytes).toBeGreaterThan(0);
  expect((await shift(lab, 1000)).bytes).toBeGreaterThan(0);
  const record = await capture();
  await driver.stage(step(record, 1));
  expect((await driver.validate(step(record, 2))).filter(({ ok }) => !ok)).toEqual([]);
  await goLive(record);
  expect(await driver.ready!(signal)).toMatchObject({ ready: true });
  expect((await driver.probe(step(record, 4))).filter(({ ok }) => !ok)).toEqual([]);
  const left = driverWith({ wal: { ...config.wal, archive: false } });
  expect(await left.detachWal!()).toMatchObject({ slot: config.wal.slot });
});

labTest(
  'without the right, or a line of pg_hba.conf, for `postgres` the configured one is used',
  async ({ lab: make }) => {
    const lab = await make();
    const { sql, config, driverWith } = lab;
    await sql(`CREATE ROLE backup LOGIN REPLICATION PASSWORD 'secret'`);
    await sql(`GRANT pg_read_all_settings, pg_read_all_data TO backup; GRANT CREATE ON DATABASE wazuh_chat TO backup`);
    await sql('REVOKE CONNECT ON DATABASE postgres FROM PUBLIC');
    const role = { user: 'backup', password: { from: 'literal', value: 'secret' } } as const;
    expect(await notWell(lab, role)).toEqual([]);
    expect((await driverWith(role).estimate()).bytes).toBeGreaterThan(0);

    await sql('GRANT CONNECT ON DATABASE postgres TO PUBLIC');
    const hba = join(config.dataDirectory, 'pg_hba.conf');
    const before = await readFile(hba, 'utf8');
    const only = 'host wazuh_chat backup 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 scram-sha-256\n';
    await writeFile(hba, only);
    await sql('SELECT pg_reload_conf()');
    await expect.poll(async () => notWell(lab, role)).toEqual([]);
    await writeFile(hba, before.replaceAll(/^host .*$/gm, 'host all postgres 127.0.0.1/32 scram-sha-256'));
    await sql('SELECT pg_reload_conf()');
    const line = expect.stringContaining('pg_hba.conf needs: host wazuh_chat backup ') as string;
    await expect
      .poll(async () => notWell(lab, role))
      .toMatchObject([
        { name: 'postgres: replication', level: 'fail', hint: line },
        { name: 'postgres: database', level: 'fail', hint: line },
      ]);
  },
);
