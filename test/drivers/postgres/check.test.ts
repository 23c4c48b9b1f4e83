import { chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { labTest } from './lab.ts';

labTest(
  'doctor has a hint for a wrong password, missing programs, and a data directory that is not there or locked',
  async ({ lab, folder }) => {
    const { config, driver, driverWith } = await lab();
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
      { name: 'postgres: server programs', hint: expect.stringContaining('apt-get install postgresql-15') as string },
    ]);
    expect(await wanting({ database: 'nowhere' })).toMatchObject([
      { name: 'postgres: database', level: 'fail', hint: expect.stringContaining('`database`') as string },
    ]);
    expect(await wanting({ dataDirectory: join(folder, 'absent') })).toMatchObject([
      { name: 'postgres: data directory', level: 'warn', hint: expect.stringContaining('`dataDirectory`') as string },
    ]);
    const parent = dirname(config.dataDirectory);
    await chmod(parent, 0o500);
    const locked = (await driver.check()).filter(({ level }) => level === 'warn');
    await chmod(parent, 0o700);
    // The live directory itself may be written: then its children are exchanged, and nothing is in the way.
    expect(locked).toEqual([]);
  },
);
