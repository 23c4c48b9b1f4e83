import { expect } from 'vitest';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFilesDriver } from '../../../src/drivers/files/driver.ts';
import { folderTest as test } from '../../support/folder-test.ts';
import type { Finding } from '../../../src/domain/finding.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';

async function check(...paths: string[]): Promise<Finding[]> {
  const config = {
    id: 'configuration',
    kind: 'files',
    host: 'main',
    tier: 'critical',
    priority: 1,
    services: [],
    paths,
    exclude: [],
  } as const;
  return createFilesDriver(config, {
    target: createProcessTarget(),
    stateDir: '/nowhere',
    secret: async () => undefined,
  }).check();
}

test('doctor has a hint for a path that is not there, cannot be read, or lies where nothing can be written', async ({
  folder,
}) => {
  const closed = join(folder, 'closed');
  await mkdir(join(folder, 'locked'));
  for (const path of [closed, join(folder, 'locked', 'file'), join(folder, 'good')]) await writeFile(path, 'x');
  await chmod(closed, 0);
  await chmod(join(folder, 'locked'), 0o500);
  const paths = ['absent', 'closed', 'locked/file', 'good'].map((name) => join(folder, name));
  const findings = await check(...paths);
  await chmod(join(folder, 'locked'), 0o700);
  expect(findings).toMatchObject([
    { level: 'fail', hint: 'create it, or take it out of `paths` of `configuration`' },
    { level: 'fail', hint: 'run the worker as root or as the owner of the data' },
    { level: 'warn', hint: 'run the worker as root or as the owner of the data' },
    { level: 'ok' },
  ]);
});
