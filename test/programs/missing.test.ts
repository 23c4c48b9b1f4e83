/** A folder of PATH that this user may not look into answers EACCES for each program that is not there. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, expect, vi } from 'vitest';
import { missingAttributeTools } from '../../src/attributes/tools.ts';
import { startProblem } from '../../src/programs/missing.ts';
import { createProcessPlatform } from '../../src/platform/process/process-platform.ts';
import { folderTest as test } from '../support/folder-test.ts';

afterEach(() => vi.unstubAllEnvs());

async function closedFolder(folder: string): Promise<string> {
  const closed = join(folder, 'closed');
  await mkdir(closed, { mode: 0 });
  vi.stubEnv('PATH', [closed, join(folder, 'absent'), process.env['PATH']].join(delimiter));
  return closed;
}

test('a missing program is told as missing, one that may not be run as that', async ({ folder }) => {
  const closed = await closedFolder(folder);
  const codeOf = (program: string): string | undefined =>
    (spawnSync(program, { stdio: 'ignore' }).error as NodeJS.ErrnoException | undefined)?.code;
  const code = codeOf('no-such-program');
  expect(code, 'what the system says').toBe('EACCES');
  expect(await startProblem('no-such-program', code)).toBe('`no-such-program` is in no folder of PATH');
  const path = join(folder, 'program');
  expect(await startProblem(path, codeOf(path))).toBe(`\`${path}\` is not there`);
  await writeFile(path, '#!/bin/sh\n', { mode: 0o600 });
  expect(await startProblem(path, codeOf(path))).toBe(`\`${path}\` may not be run by this user`);
  vi.stubEnv('PATH', folder);
  expect(await startProblem('program', codeOf('program'))).toBe('`program` may not be run by this user');
  await chmod(closed, 0o700);
});

test('so are the programs of extended attributes and the commands of a service', async ({ folder }) => {
  const closed = await closedFolder(folder);
  vi.stubEnv('PATH', closed);
  expect(await missingAttributeTools()).toBe('`getfattr` is not installed');
  const platform = createProcessPlatform([
    {
      name: 'app',
      dependsOn: [],
      startTimeoutSeconds: 5,
      stopTimeoutSeconds: 5,
      ready: { kind: 'running' },
      run: { kind: 'commands', start: ['no-start'], stop: ['no-stop'], isRunning: ['no-check'] },
    },
  ]);
  await expect(platform.state('app')).rejects.toMatchObject({
    code: 'ServiceFailed',
    message: 'the `isRunning` command of service `app` (no-check) failed: `no-check` is in no folder of PATH',
  });
  await chmod(closed, 0o700);
});
