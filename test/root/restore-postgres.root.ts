import { chown, lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { labTest } from '../drivers/postgres/lab.ts';

const runUser = process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat';

labTest(
  'D3.5: a worker that runs as root restores files that the server’s own user owns and reads',
  async ({ lab, folder }) => {
    const user = await findOsUser(runUser);
    // The folder of the first lab, which its server must be able to enter.
    await mkdir(join(folder, '0'));
    for (const path of [folder, join(folder, '0')]) await chown(path, user.uid, user.gid);
    const { driver, sql, capture, step, goLive, config } = await lab({ user });
    const record = await capture();
    await sql('DELETE FROM messages');
    expect(await driver.restoreTargets(record)).toEqual([expect.objectContaining({ problems: [] })]);
    await driver.stage(step(record, 1));
    expect((await driver.validate(step(record, 2))).filter((probe) => !probe.ok)).toEqual([]);
    await goLive(record);
    expect((await driver.probe(step(record, 4))).filter((probe) => !probe.ok)).toEqual([]);
    for (const name of [...(await readdir(config.dataDirectory)), '.']) {
      expect([name, (await lstat(join(config.dataDirectory, name))).uid]).toEqual([name, user.uid]);
    }
    expect((await lstat(dirname(config.dataDirectory))).uid).toBe(user.uid);
  },
);
