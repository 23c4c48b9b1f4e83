/** What the probes expect is what the capture measured, whatever server, database and role are set to. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, vi } from 'vitest';
import type { ComponentRecord, ProbeResult } from '../../../src/domain/recovery-point.ts';
import { isFailed, isHeld } from '../../../src/domain/probes.ts';
import { openSession } from '../../../src/drivers/postgres/server/connection.ts';
import { factsPath } from '../../../src/drivers/postgres/facts.ts';
import { textSettings } from '../../../src/drivers/postgres/verify/text-settings.ts';
import { doctored } from '../../support/doctored.ts';
import { database, labTest, type Lab } from './lab.ts';

/** Rows whose text each of the settings changes, where the server's own types have such. */
const shownBySettings = `
  CREATE TYPE pair AS (price money, name text);
  CREATE DOMAIN fee AS money;
  CREATE TABLE shown (at timestamptz, day date, span interval, float float8, raw bytea, price money, many money[],
                      two pair, cost fee, class regclass, number numeric);
  INSERT INTO shown SELECT timestamptz '2026-03-29 01:30Z' + g * interval '1 hour', date '2026-02-01' + g,
         g * interval '25 hours', g / 7.0, decode(md5(g::text), 'hex'), (g * 1234.5)::numeric::money,
         ARRAY[1.5::numeric::money], ROW((g / 3.0)::numeric::money, 'x')::pair, 2.5::numeric::money, 'pg_class', g / 3.0
    FROM generate_series(1, 50) g;
  CREATE TABLE plain AS SELECT g AS id FROM generate_series(1, 10) g`;

/** Of each setting something that is not what a measure fixes. */
const unusual: Readonly<Record<string, string>> = {
  timezone: 'Asia/Kolkata',
  datestyle: 'German, DMY',
  intervalstyle: 'iso_8601',
  extra_float_digits: '-2',
  bytea_output: 'escape',
  xmlbinary: 'hex',
  search_path: 'public',
  lc_monetary: 'de_DE.UTF-8',
  lc_numeric: 'de_DE.UTF-8',
  lc_time: 'de_DE.UTF-8',
  quote_all_identifiers: 'on',
  standard_conforming_strings: 'off',
};

/** Limits that a long measure meets, what hides warnings, takes rights away or makes a commit wait, and what is right for us. */
const limits = {
  statement_timeout: '2s',
  lock_timeout: '1s',
  idle_in_transaction_session_timeout: '2s',
  idle_session_timeout: '2s',
  client_min_messages: 'error',
  temp_file_limit: '0',
  work_mem: '64kB',
  role: 'app',
  synchronous_commit: 'remote_apply',
  default_transaction_read_only: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
};
const own: Partial<Record<keyof typeof limits, string>> = {
  lock_timeout: '5s',
  client_min_messages: 'notice',
  temp_file_limit: '-1',
  work_mem: '32MB',
  role: 'none',
  synchronous_commit: 'local',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
};

/** German money, for servers that the test starts. False where the system has no sources of locales. */
async function germanLocale(folder: string): Promise<boolean> {
  vi.stubEnv('LOCPATH', folder);
  const make = promisify(execFile)('localedef', ['-i', 'de_DE', '-f', 'UTF-8', join(folder, 'de_DE.UTF-8')]);
  return make.then(
    () => true,
    () => false,
  );
}

async function restored({ driver, step, goLive }: Lab, record: ComponentRecord): Promise<readonly ProbeResult[]> {
  await driver.stage(step(record, 1));
  const probes = [...(await driver.validate(step(record, 2)))];
  await goLive(record);
  return [...probes, ...(await driver.probe(step(record, 4)))];
}

const outcomes = (probes: readonly ProbeResult[], table: string) =>
  probes
    .filter(({ name }) => name === `table public.${table}`)
    .map((probe) => (isHeld(probe) ? 'held' : isFailed(probe) ? 'failed' : 'not compared'));

labTest(
  'F2: settings of server, database and role change no fingerprint, and their limits end no session',
  async ({ lab, folder }) => {
    expect(Object.keys(unusual).toSorted()).toEqual(Object.keys(textSettings).toSorted());
    const isGerman = await germanLocale(folder);
    const all = Object.entries(unusual).filter(([name]) => isGerman || !name.startsWith('lc_'));
    const settings = Object.fromEntries(all.map(([name, value]) => [name, `'${value}'`]));
    const made = await lab({ setup: shownBySettings, settings });
    const { driverWith, sql, step } = made;
    if (isGerman)
      expect((await sql('SELECT 1234.5::numeric::money::text AS text')).rows).toEqual([{ text: '1.234,50 €' }]);
    // The limits are those of the role that measures: the test's own sessions have none.
    await sql("CREATE ROLE app; CREATE ROLE backup SUPERUSER REPLICATION LOGIN PASSWORD 'pw'");
    for (const [name, value] of Object.entries(limits)) await sql(`ALTER ROLE backup SET ${name} = '${value}'`);
    const driver = driverWith({ user: 'backup', password: { from: 'literal', value: 'pw' } });
    const by = { ...made, driver };
    const session = await openSession({ ...made.config, user: 'backup', password: 'pw' }, 'postgres', { database });
    for (const name of Object.keys(limits) as (keyof typeof limits)[])
      expect(Object.values(await session.row(`SHOW ${name}`)), name).toEqual([own[name] ?? '0']);
    await session.end();

    expect((await driver.check()).filter(({ name }) => /token|database/.test(name))).toMatchObject([
      { level: 'ok' },
      { level: 'ok' },
    ]);
    const record = await made.capture(driver);
    expect(record.facts['notes']).toEqual([]);
    const probes = await restored(by, record);
    expect(probes.filter(isFailed)).toEqual([]);
    expect(outcomes(probes, 'shown')).toEqual(['held', 'held']);

    // Then also for database and role, each with half of them.
    for (const [index, [name, value]] of all.entries())
      await sql(`ALTER ${index % 2 === 0 ? 'DATABASE wazuh_chat' : 'ROLE backup'} SET ${name} = '${value}'`);
    expect((await driver.probe(step(record, 4))).filter(isFailed)).toEqual([]);
    const again = await restored(by, await made.capture(driver));
    expect(again.filter(isFailed)).toEqual([]);
    expect(outcomes(again, 'shown')).toEqual(['held', 'held']);
  },
);

labTest(
  'F2: of a point that does not say what was fixed, only tables whose text may differ are not compared',
  async ({ lab }) => {
    const made = await lab({
      setup: `${shownBySettings}; CREATE TABLE labelled AS SELECT 1 AS id, 'one' AS name;
        CREATE FUNCTION label(labelled) RETURNS text LANGUAGE sql AS 'SELECT $1.name';
        CREATE CAST (labelled AS text) WITH FUNCTION label(labelled)`,
    });
    const { capture, repository } = made;
    const record = await doctored(repository, await capture(), {
      [factsPath]: (content) => {
        const {
          textSettings: _fixed,
          unmeasured: _known,
          withoutCasts: _casts,
          ...facts
        } = JSON.parse(content.toString()) as Record<string, unknown>;
        return Buffer.from(JSON.stringify(facts));
      },
    });
    const probes = await restored(made, record);
    expect(probes.filter(isFailed)).toEqual([]);
    expect(['shown', 'labelled', 'plain'].map((table) => outcomes(probes, table))).toEqual([
      ['not compared', 'not compared'],
      ['not compared', 'not compared'],
      ['held', 'held'],
    ]);
  },
);

labTest(
  'F2: what row-level security hid at the capture is not asked for, at no moment; what was measured must be readable',
  async ({ lab }) => {
    const made = await lab({
      setup: `CREATE TABLE secret AS SELECT g AS id FROM generate_series(1, 10) g;
            ALTER TABLE secret ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON secret USING (id < 3);
            CREATE TABLE plain AS SELECT g AS id FROM generate_series(1, 10) g;
            CREATE ROLE backup LOGIN REPLICATION PASSWORD 'pw';
            GRANT pg_read_all_settings, pg_read_all_data TO backup`,
    });
    const { driverWith, sql, step } = made;
    const driver = driverWith({ user: 'backup', password: { from: 'literal', value: 'pw' } });
    const finding = (await driver.check()).find(({ name }) => name.endsWith(': database'));
    expect(finding).toMatchObject({ level: 'warn', hint: 'run as a superuser: ALTER ROLE "backup" BYPASSRLS;' });
    const record = await made.capture(driver);
    expect(record.facts['notes']).toContain(
      '1 table without a fingerprint: row-level security hides rows of it from the role',
    );
    const whole = await restored({ ...made, driver }, record);
    expect(whole.filter(isFailed)).toEqual([]);
    expect([outcomes(whole, 'secret'), outcomes(whole, 'plain')]).toEqual([
      ['not compared', 'not compared'],
      ['held', 'held'],
    ]);

    const stopLsn = record.facts['stopLsn'] as string;
    const wal = { kind: 'lsn', value: stopLsn, timeline: 1, endLsn: stopLsn } as const;
    await driver.stage(step(record, 1, 2, wal));
    const moment = await driver.validate({ ...step(record, 2, 2, wal), staged: step(record, 1, 2).token });
    expect(moment.filter(isFailed)).toEqual([]);
    expect([outcomes(moment, 'secret'), outcomes(moment, 'plain')]).toEqual([['not compared'], ['held']]);

    // Rights are those of the moment: taken away later, they make no moment unreachable.
    await sql('ALTER TABLE plain ENABLE ROW LEVEL SECURITY');
    const probes = await driver.probe(step(record, 4));
    expect(outcomes(probes, 'plain')).toEqual(['failed']);
  },
);
