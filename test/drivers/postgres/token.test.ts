import { expect } from 'vitest';
import { labTest } from './lab.ts';

const count = `SELECT count(*)::int AS rows, count(*) FILTER (WHERE backup_id = 'oldest')::int AS oldest FROM lifeboat.backup_token`;
const older = `INSERT INTO lifeboat.backup_token (backup_id, token, written_at)
  SELECT CASE g WHEN 1 THEN 'oldest' ELSE 'b' || g END, 't', timestamptz '2020-01-01 00:00Z' + g * interval '1 day' FROM generate_series(1, 99) g`;

labTest('of all tokens that captures wrote the newest hundred stay, the own one among them', async ({ lab }) => {
  const { sql, driver, capture, step } = await lab();
  await capture();
  await sql(older);
  expect((await sql(count)).rows).toEqual([{ rows: 100, oldest: 1 }]);
  const record = await capture();
  expect(record.facts).toMatchObject({ token: true });
  expect((await sql(count)).rows).toEqual([{ rows: 100, oldest: 0 }]);
  const probes = await driver.probe(step(record, 4));
  expect(probes.find((probe) => probe.name === 'backup token')).toMatchObject({ ok: true });
});

labTest(
  'a role that may only insert writes its token and deletes none; doctor names the grant that is missing',
  async ({ lab }) => {
    const { sql, driverWith, capture } = await lab();
    await capture();
    await sql(
      `CREATE ROLE plain LOGIN REPLICATION PASSWORD 'pw'; GRANT pg_read_all_settings, pg_read_all_data TO plain`,
    );
    const driver = driverWith({ user: 'plain', password: { from: 'literal', value: 'pw' } });
    const finding = async () => (await driver.check()).find(({ name }) => name === 'postgres: backup token');
    const hint =
      'run as a superuser: GRANT USAGE ON SCHEMA lifeboat TO "plain"; GRANT SELECT, INSERT, DELETE ON lifeboat.backup_token TO "plain";';
    expect(await finding()).toMatchObject({ level: 'warn', text: expect.stringContaining('may not be written'), hint });
    await sql('GRANT USAGE ON SCHEMA lifeboat TO plain; GRANT SELECT, INSERT ON lifeboat.backup_token TO plain');
    expect(await finding()).toMatchObject({ level: 'warn', text: expect.stringContaining('may not delete'), hint });
    await sql(older);
    expect((await capture(driver)).facts).toMatchObject({ token: true });
    expect((await sql(count)).rows).toEqual([{ rows: 101, oldest: 1 }]);
    await sql('GRANT DELETE ON lifeboat.backup_token TO plain');
    expect(await finding()).toMatchObject({ level: 'ok' });
    expect((await capture(driver)).facts).toMatchObject({ token: true });
    expect((await sql(count)).rows).toEqual([{ rows: 100, oldest: 0 }]);
  },
);

labTest(
  'a token table that an application made is not written: its trigger would run with our rights; doctor says what to do',
  async ({ lab }) => {
    const { sql, driver, capture } = await lab();
    await sql(`CREATE ROLE app; GRANT CREATE ON DATABASE wazuh_chat TO app; SET ROLE app; CREATE SCHEMA lifeboat;
      CREATE TABLE lifeboat.backup_token (backup_id text, token text, written_at timestamptz DEFAULT now());
      CREATE TABLE lifeboat.trace (role text); GRANT ALL ON SCHEMA lifeboat TO public; GRANT ALL ON lifeboat.trace TO public;
      CREATE FUNCTION lifeboat.evil() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO lifeboat.trace VALUES (current_user); RETURN NEW; END $$;
      CREATE TRIGGER evil BEFORE INSERT ON lifeboat.backup_token FOR EACH ROW EXECUTE FUNCTION lifeboat.evil()`);
    const finding = async () => (await driver.check()).find(({ name }) => name === 'postgres: backup token');
    expect(await finding()).toMatchObject({
      level: 'warn',
      hint: expect.stringContaining('DROP SCHEMA lifeboat CASCADE;'),
    });
    expect((await capture()).facts).toMatchObject({
      token: false,
      notes: ['no token row: `lifeboat.backup_token` belongs to `app`'],
    });
    expect((await sql('SELECT role FROM lifeboat.trace')).rows).toEqual([]);
    await sql('DROP SCHEMA lifeboat CASCADE');
    expect(await finding()).toMatchObject({ level: 'ok' });
    expect((await capture()).facts).toMatchObject({ token: true });
  },
);

labTest(
  'an event trigger that forbids DDL makes no backup fail; doctor names it, and its hint makes the table',
  async ({ lab }) => {
    const { sql, driverWith, capture } = await lab();
    await sql(`CREATE FUNCTION no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no DDL in production: %', tg_tag; END $$;
      CREATE ROLE backup LOGIN REPLICATION PASSWORD 'pw'; GRANT pg_read_all_settings, pg_read_all_data TO backup;
      GRANT CREATE ON DATABASE wazuh_chat TO backup;
      CREATE EVENT TRIGGER "no ddl" ON ddl_command_start EXECUTE FUNCTION no_ddl();
      ALTER EVENT TRIGGER "no ddl" ENABLE ALWAYS`);
    const driver = driverWith({ user: 'backup', password: { from: 'literal', value: 'pw' } });
    const finding = async () => (await driver.check()).find(({ name }) => name === 'postgres: backup token');
    const found = await finding();
    expect(found).toMatchObject({ level: 'warn', text: expect.stringContaining('event trigger `no ddl`') as string });
    expect((await capture(driver)).facts).toMatchObject({
      token: false,
      notes: [expect.stringMatching(/^no token row: .*no DDL in production: CREATE SCHEMA/)],
    });
    await sql(found!.hint!.replace('run as a superuser: ', ''));
    expect(await finding()).toMatchObject({ level: 'ok' });
    expect((await capture(driver)).facts).toMatchObject({ token: true });
    await expect(sql('CREATE TABLE other (x int)')).rejects.toThrow('no DDL in production: CREATE TABLE');
    expect((await sql('SELECT evtenabled FROM pg_event_trigger')).rows).toEqual([{ evtenabled: 'A' }]);
  },
);
