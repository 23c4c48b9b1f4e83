import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { provideCheckout } from '../../setup/checkout.mjs';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { folderTest as test } from '../support/folder-test.ts';

const run = promisify(execFile);
const runUser = process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat';

test('a checkout that the run user may not read is copied: sources only, kept up to date, closed to others', async ({
  folder,
}) => {
  // As set-up does.
  process.umask(0o022);
  const user = { ...(await findOsUser(runUser)), switchTo: true };
  const checkout = join(folder, 'checkout');
  const cache = join(folder, 'cache');
  await mkdir(join(checkout, 'src'), { recursive: true });
  await mkdir(cache);
  await chmod(folder, 0o755);
  await run('git', ['init', '-q', checkout]);
  await writeFile(join(checkout, '.gitignore'), '.env\nnode_modules/\n');
  await writeFile(join(checkout, '.env'), 'password=canary');
  await writeFile(join(checkout, 'src', 'old.ts'), '1');
  expect(await provideCheckout(checkout, cache, user)).toBe(checkout);

  await chmod(checkout, 0o700);
  const copy = await provideCheckout(checkout, cache, user);
  await mkdir(join(copy, 'node_modules'));
  await run('mv', [join(checkout, 'src', 'old.ts'), join(checkout, 'src', 'new.ts')]);
  expect(await provideCheckout(checkout, cache, user)).toBe(copy);
  expect((await readdir(copy)).toSorted()).toEqual(['.gitignore', 'node_modules', 'src']);
  expect(await readdir(join(copy, 'src'))).toEqual(['new.ts']);
  const read = (identity: object) => run('cat', [join(copy, 'src', 'new.ts')], { cwd: '/', ...identity });
  expect((await read({ uid: user.uid, gid: user.gid })).stdout).toBe(
    await readFile(join(checkout, 'src', 'new.ts'), 'utf8'),
  );
  await expect(read({ uid: 65534, gid: 65534 })).rejects.toThrow('Permission denied');
});
