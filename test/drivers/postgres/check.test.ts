import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { restoreNotes } from '../../../src/domain/capture-notes.ts';
import { shift, write } from './archiving.ts';
import { labTest } from './lab.ts';

labTest(
  'doctor has a hint for a wrong password, missing programs, no such database, and a data directory that is not there or cannot be made',
  async ({ lab, folder }) => {
    const { driverWith, server } = await lab();
    const wanting = async (changes: Parameters<typeof driverWith>[0]) =>
      (await driverWith(changes).check()).filter(({ level }) => level !== 'ok');

    expect(await wanting({})).toEqual([]);
    const pgHba = expect.stringMatching(
      /^pg_hba\.conf needs: host .*, and the password must fit: ALTER ROLE/,
    ) as string;
    expect(await wanting({ password: { from: 'literal', value: 'wrong' } })).toMatchObject([
      { name: 'postgres: replication', level: 'fail', hint: pgHba },
      { name: 'postgres: database', level: 'fail', hint: pgHba },
    ]);
    expect(await wanting({ binDirectory: folder })).toMatchObject([
      {
        name: 'postgres: server programs',
        hint: expect.stringContaining(`apt-get install postgresql-${server.majorVersion}`) as string,
      },
    ]);
    expect(await wanting({ database: 'nowhere' })).toMatchObject([
      { name: 'postgres: database', level: 'fail', hint: expect.stringContaining('`database`') as string },
    ]);
    expect(await wanting({ dataDirectory: join(folder, 'absent') })).toMatchObject([
      { name: 'postgres: data directory', level: 'warn', hint: expect.stringContaining('`dataDirectory`') as string },
    ]);
    const closed = join(folder, 'closed');
    await mkdir(closed, { mode: 0o500 });
    expect(await wanting({ dataDirectory: join(closed, 'data') })).toMatchObject([
      { name: 'postgres: data directory', level: 'warn' },
      {
        name: 'postgres: data directory',
        level: 'warn',
        text: expect.stringContaining(`may not write in \`${closed}\``) as string,
        hint: 'run the worker as root or as the owner of the data',
      },
    ]);
  },
);

labTest(
  'the slots of Lifeboat are told: without a limit archiving is refused, one that nobody drains is named with its WAL',
  async ({ lab }) => {
    const made = await lab();
    const about = async () => (await made.driver.check()).filter(({ name }) => /slot/.test(name));
    expect(await about()).toEqual([
      { name: 'postgres: max_slot_wal_keep_size', level: 'ok', text: '2GB at most wait for the archive' },
    ]);
    await shift(made, 1000);
    await made.sql(`SELECT pg_create_physical_replication_slot('lifeboat_renamed', true)`);
    await made.sql(`SELECT pg_create_physical_replication_slot('of_somebody_else', true)`);
    await write(made, 1000);
    await made.sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '-1'`);
    await made.sql('SELECT pg_reload_conf()');
    await expect.poll(about).toEqual([
      {
        name: 'postgres: max_slot_wal_keep_size',
        level: 'fail',
        text: expect.stringContaining('would fill the disk') as string,
        hint: expect.stringContaining('ALTER SYSTEM SET max_slot_wal_keep_size') as string,
      },
      {
        name: 'postgres: slot lifeboat_lab',
        level: 'ok',
        text: expect.stringMatching(/B wait for the archive$/) as string,
      },
      {
        name: 'postgres: slot lifeboat_renamed',
        level: 'warn',
        text: expect.stringContaining('nobody drains it') as string,
        hint: expect.stringContaining('lifeboat postgres detach postgres --slot lifeboat_renamed') as string,
      },
    ]);
  },
);

labTest(
  'F3: what the next start will use is told by doctor and with the capture, and a line that would prevent it fails doctor',
  async ({ lab }) => {
    const { driver, sql, capture, config } = await lab();
    const about = async () => (await driver.check()).filter(({ name }) => name === 'postgres: settings');
    await sql('ALTER SYSTEM SET max_connections = 77');
    await sql('SELECT pg_reload_conf()');
    await expect
      .poll(about)
      .toMatchObject([{ level: 'warn', text: expect.stringContaining('other values of max_connections') as string }]);
    expect((await capture()).facts).toMatchObject({ configDiffers: ['max_connections'] });
    await appendFile(join(config.dataDirectory, 'pg_hba.conf'), 'host everybody\n');
    await appendFile(join(config.dataDirectory, 'postgresql.conf'), 'work_mem = plenty\n');
    expect((await about()).filter(({ level }) => level === 'fail').map(({ text }) => text)).toEqual([
      expect.stringMatching(/postgresql\.conf line \d+: /),
      expect.stringMatching(/^pg_hba\.conf line \d+: /),
    ]);
    const { facts } = await capture();
    expect(restoreNotes(facts).join()).toContain('has 2 lines with which it would not start');
  },
);
