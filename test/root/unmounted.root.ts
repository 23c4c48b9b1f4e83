/** A disk of one of several paths that is not mounted: the folder below the mount looks like a path that became empty. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import type { FilesConfig } from '../../src/domain/appliance.ts';
import { createFilesDriver } from '../../src/drivers/files/driver.ts';
import { createProcessTarget } from '../../src/platform/process/process-target.ts';
import { benchTest as test } from '../drivers/folder/bench-test.ts';

const run = promisify(execFile);

test('a path whose disk is not mounted is refused by backup and doctor, and taken again when it is', async ({
  kit,
  folder,
  skip,
}) => {
  const [docs, uploads] = [join(folder, 'docs'), join(folder, 'uploads')];
  for (const path of [docs, uploads]) await mkdir(path);
  await writeFile(join(docs, 'a'), 'a document');
  const mount = async () => run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', uploads]);
  try {
    await mount();
  } catch {
    skip('this container may not mount');
  }
  const umount = async () => run('umount', [uploads]);
  try {
    await writeFile(join(uploads, 'u'), 'an upload');
    const config: FilesConfig = {
      id: 'files',
      kind: 'files',
      host: 'main',
      tier: 'critical',
      priority: 1,
      services: [],
      paths: [docs, uploads],
      exclude: [],
    };
    const driver = createFilesDriver(config, {
      target: createProcessTarget(),
      stateDir: join(folder, 'state'),
      secret: async () => undefined,
    });
    const record = await kit.capture(driver);
    expect((await kit.capture(driver, record)).facts).toMatchObject({ files: 2 });
    await umount();
    const refusal = expect.stringContaining(`\`${uploads}\` is not mounted`) as string;
    await expect(kit.capture(driver, record)).rejects.toMatchObject({ code: 'Precondition', message: refusal });
    const found = await driver.check({ repository: kit.repository, record });
    expect(found).toContainEqual(expect.objectContaining({ level: 'fail', text: refusal }));
    await mount();
    await writeFile(join(uploads, 'u'), 'an upload');
    expect((await kit.capture(driver, record)).facts).toMatchObject({ files: 2 });
  } finally {
    // What failed before may have left it unmounted.
    await umount().catch(() => undefined);
  }
});
