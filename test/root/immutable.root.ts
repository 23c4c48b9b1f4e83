/** What not even root may rename is found before anything stops. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { markStaged } from '../../src/drivers/swap/staging.ts';
import { restoreTargetOf } from '../../src/drivers/swap/target.ts';
import { folderTest as test } from '../support/folder-test.ts';

test('F4: an immutable file, or one in an append-only folder, is refused in the plan with the line that frees it', async ({
  folder,
  skip,
}) => {
  const target = join(folder, 'etc', '.env');
  await mkdir(join(folder, 'etc'));
  await writeFile(target, 'SECRET=1');
  try {
    execFileSync('chattr', ['+i', target], { stdio: 'ignore' });
  } catch {
    skip('this file system or container has no such flags');
  }
  const problems = async () => (await restoreTargetOf({ live: target, needBytes: 0 })).problems;
  try {
    expect(await problems()).toEqual([
      {
        code: 'Precondition',
        message: `\`${target}\` is immutable (chattr +i): \`${target}\` could not be exchanged`,
        hint: `run as root: chattr -i '${target}'`,
      },
    ]);
    // Of paths that only the sealed facts name, the stage says it.
    const token = { runId: 'run', attempt: 1, lockStart: '' };
    const staged = { source: 'index', staged: { [target]: join(folder, 'etc', 'new') }, facts: {} };
    await expect(markStaged({ component: 'env', lives: [target], token }, staged)).rejects.toMatchObject({
      code: 'Precondition',
    });
    expect(await readdir(join(folder, 'etc'))).toEqual(['.env']);
  } finally {
    execFileSync('chattr', ['-i', target]);
  }
  execFileSync('chattr', ['+a', join(folder, 'etc')]);
  try {
    expect(await problems()).toMatchObject([{ message: expect.stringContaining('append-only (chattr +a)') as string }]);
  } finally {
    execFileSync('chattr', ['-a', join(folder, 'etc')]);
  }
  expect(await problems()).toEqual([]);
});
