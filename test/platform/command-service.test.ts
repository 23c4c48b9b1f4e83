import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ServiceConfig } from '../../src/domain/appliance.ts';
import { createProcessPlatform } from '../../src/platform/process/process-platform.ts';
import { folderTest as test } from '../support/folder-test.ts';

const never = new AbortController().signal;

/** A service that runs as long as its flag file is there, as a supervisor would keep it. */
function supervised(
  folder: string,
  changes: Partial<Record<'start' | 'stop' | 'isRunning', readonly string[]>> = {},
): ServiceConfig {
  const flag = join(folder, 'runs');
  const run = {
    kind: 'commands',
    start: ['touch', flag],
    stop: ['rm', flag],
    isRunning: ['test', '-e', flag],
    ...changes,
  } as const;
  return {
    name: 'nginx',
    dependsOn: [],
    run,
    ready: { kind: 'running' },
    stopTimeoutSeconds: 1,
    startTimeoutSeconds: 1,
  };
}

test('commands start and stop a service, and are not called where nothing is to do', async ({ folder }) => {
  const platform = createProcessPlatform([supervised(folder)]);
  await platform.stop('nginx', never); // `rm` without the file would fail.
  await platform.start('nginx', never);
  expect(await platform.state('nginx')).toMatchObject({ running: true, ready: true });
  await platform.start('nginx', never);
  await platform.stop('nginx', never);
  await expect(access(join(folder, 'runs'))).rejects.toThrow('ENOENT');
});

test('a check that cannot be asked is an error, never "does not run"', async ({ folder }) => {
  for (const isRunning of [['/nowhere/at-all'], ['sh', '-c', 'exit 127'], ['sh', '-c', 'kill -9 $$']]) {
    const platform = createProcessPlatform([supervised(folder, { isRunning })]);
    await expect(platform.stop('nginx', never)).rejects.toMatchObject({ code: 'ServiceFailed' });
  }
});

test('a failing command and one without effect are failed starts and stops', async ({ folder }) => {
  const failing = createProcessPlatform([supervised(folder, { start: ['false'] })]);
  await expect(failing.start('nginx', never)).rejects.toThrow('exit code 1');
  const idle = createProcessPlatform([supervised(folder, { start: ['true'] })]);
  await expect(idle.start('nginx', never)).rejects.toThrow('not ready after 1 s');
  const stubborn = createProcessPlatform([supervised(folder, { stop: ['true'] })]);
  await stubborn.start('nginx', never);
  await expect(stubborn.stop('nginx', never)).rejects.toThrow('still runs');
  await rm(join(folder, 'runs'));
});
