/** What only root sees and sets of extended attributes, and a file system that holds none. */
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import type { Driver } from '../../src/drivers/driver.ts';
import { createFilesDriver } from '../../src/drivers/files/driver.ts';
import { factsPath, type FilesFacts } from '../../src/drivers/files/facts.ts';
import { createProcessTarget } from '../../src/platform/process/process-target.ts';
import { benchTest as test } from '../drivers/folder/bench-test.ts';
import { failedProbes } from '../drivers/folder/restore-bench.ts';

const run = promisify(execFile);
const canMount = await tryMount();
const common = { host: 'main', tier: 'critical', priority: 1, services: [] } as const;

function driverOf(path: string): Driver {
  const config = { ...common, id: 'files', kind: 'files', paths: [path], exclude: [] } as const;
  return createFilesDriver(config, {
    target: createProcessTarget(),
    stateDir: '/nowhere',
    secret: async () => undefined,
  });
}

describe('attributes as root', () => {
  test('D3.5: a capability survives a change of owner, ACLs keep their mask, and marks of file systems are left out by name', async ({
    kit,
    folder,
  }) => {
    const live = join(folder, 'live');
    await mkdir(join(live, 'layer'), { recursive: true });
    const program = join(live, 'program');
    await writeFile(program, '#!/bin/sh\n');
    await chown(program, 54_321, 54_322);
    await chmod(program, 0o755);
    await run('setfattr', ['-n', 'security.capability', '-v', '0sAQAAAgAgAAAAAAAAAAAAAAAAAAA=', program]);
    await run('setfacl', ['-m', 'u:65534:rwx,m::r', program]);
    await run('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', join(live, 'layer')]);
    const before = await dumpOf(program);
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    expect(record.facts).toMatchObject({ attributes: 1, note: '1 extended attributes were left out: trusted.*' });
    const facts = Buffer.from((await kit.repository.readFile(record.indexId, factsPath)) ?? []).toString();
    expect((JSON.parse(facts) as FilesFacts).attributesLeftOut).toEqual([
      { path: join(live, 'layer'), names: ['trusted.overlay.opaque'] },
    ]);
    await rm(live, { recursive: true });
    expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
    expect(await dumpOf(program)).toBe(before);
    expect(before).toContain('security.capability=');
    expect(await dumpOf(join(live, 'layer'))).toBe('');
  });

  test.skipIf(!canMount)(
    'D2.7: a file system that holds no attributes: a restore says so and is proven, a capture finds none',
    async ({ kit, folder }) => {
      const live = join(folder, 'disk/live');
      await mkdir(live, { recursive: true });
      // It tells of no free byte: a file without any needs none.
      await writeFile(join(live, 'file'), '');
      await run('setfattr', ['-n', 'user.a', '-v', '1', join(live, 'file')]);
      await run('setfacl', ['-m', 'u:65534:r', join(live, 'file')]);
      const driver = driverOf(live);
      const record = await kit.capture(driver);
      expect(record.facts).toMatchObject({ attributes: 1 });
      await run('mount', ['-t', 'ramfs', 'none', join(folder, 'disk')]);
      try {
        const { notes } = await driver.stage(kit.context(record, 1001));
        expect(notes).toEqual([
          '2 of 2 extended attributes and ACLs (system.posix_acl_access, user.*) could not be given back: Operation not supported',
        ]);
        const probes = await driver.validate(kit.context(record, 2001));
        expect(failedProbes(probes)).toEqual([]);
        expect(probes.map(({ actual }) => actual)).toContain(
          '0 as captured, 2 that cannot be set here (system.posix_acl_access, user.*)',
        );
        await driver.swap(kit.context(record, 3001));
        expect((await kit.capture(driver)).facts).toMatchObject({ files: 1, attributes: 0 });
      } finally {
        await run('umount', [join(folder, 'disk')]);
      }
    },
  );
});

async function dumpOf(path: string): Promise<string> {
  return (await run('getfattr', ['-h', '-d', '-m', '-', '--absolute-names', path])).stdout;
}

async function tryMount(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-mount-'));
  try {
    await run('mount', ['-t', 'ramfs', 'none', folder]);
    await run('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    await rmdir(folder);
  }
}
