/** What a disk holds at the moment that a private server's work counts as done: a host may lose its power right then. */
import { execFile } from 'node:child_process';
import { chown, mkdir, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { isReadyForLive } from '../../src/drivers/postgres/restore/staged-directory.ts';
import { stagingPath } from '../../src/drivers/swap/staging.ts';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { labTest, someTables } from '../drivers/postgres/lab.ts';

const run = promisify(execFile);
const runUser = process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat';

/** Every file below a folder with its bytes. */
async function filesBelow(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (path) => [relative(folder, path), await readFile(path)] as const)));
}

labTest(
  'all that a private server wrote without fsync is on the disk when validation ends',
  async ({ lab, folder, skip }) => {
    const [image, copy, after] = [join(folder, 'disk'), join(folder, 'copy'), join(folder, 'after')];
    // The folder of the first lab: data, and what is staged beside it, lie on a disk of their own.
    const mounted = join(folder, '0');
    for (const path of [mounted, after]) await mkdir(path);
    await run('truncate', ['-s', '300M', image]);
    try {
      await run('mkfs.ext4', ['-q', image]);
      await run('mount', ['-o', 'loop', image, mounted]);
    } catch {
      skip('this container may not mount');
    }
    try {
      const user = await findOsUser(runUser);
      for (const path of [folder, mounted]) await chown(path, user.uid, user.gid);
      const { driver, capture, step, config, stop } = await lab({ user, setup: someTables });
      const record = await capture();
      await driver.stage(step(record, 1));
      expect((await driver.validate(step(record, 2))).filter((probe) => !probe.ok)).toEqual([]);
      // What the file system has not written to its disk is not in the image.
      await run('cp', ['--sparse=always', image, copy]);
      const staged = await stagingPath(config.dataDirectory, 'postgres', step(record, 1).token);
      const expected = await filesBelow(staged);
      await run('mount', ['-o', 'loop', copy, after]);
      const found = await filesBelow(join(after, relative(mounted, staged)));
      expect([...found.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
      const lost = [...expected].filter(([name, bytes]) => found.get(name)?.equals(bytes) !== true);
      expect(lost.map(([name]) => name)).toEqual([]);
      expect(await isReadyForLive(join(after, relative(mounted, staged)))).toBe(true);
      await stop();
    } finally {
      for (const path of [after, mounted]) await run('umount', ['-l', path]).catch(() => undefined);
    }
  },
);
