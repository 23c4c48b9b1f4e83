/** What root writes for a hostile index: nothing of it may reach a file outside of the staging. */
import { chmod, chown, lstat, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { IndexEntry } from '../../src/domain/entry.ts';
import type { ComponentRecord } from '../../src/domain/recovery-point.ts';
import { factsPath } from '../../src/drivers/redis/facts.ts';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { makeBench } from '../drivers/folder/restore-bench.ts';
import { makeRedisSubject } from '../drivers/redis/subject.ts';
import { folderTest as test } from '../support/folder-test.ts';

const user = await findOsUser(process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat');

test('X18: a link in the place of the dump is refused: root gives no file outside to the engine’s user', async ({
  folder,
}) => {
  await chmod(folder, 0o755);
  const secret = join(folder, 'secret');
  await writeFile(secret, 'canary', { mode: 0o600 });
  const home = join(folder, 'home');
  await mkdir(home);
  const { driver, config } = await makeRedisSubject(home);
  await chown(config.dataDirectory, user.uid, user.gid);
  const kit = await makeBench(folder);
  try {
    const facts = {
      serverVersion: '7.0.15',
      rdbVersion: 10,
      keys: 1,
      expiring: 0,
      functions: 0,
      dumpBytes: 100,
      memoryBytes: 100,
      dumpName: 'dump.rdb',
      appendOnly: true,
      appendFolder: 'appendonlydir',
      appendName: 'appendonly.aof',
      configFiles: [],
    };
    const link: IndexEntry = {
      path: 'dump.rdb',
      type: 'symlink',
      target: secret,
      mode: 0o777,
      mtimeNs: '0',
      uid: user.uid,
      gid: user.gid,
    };
    const writer = await kit.repository.writeComponent({
      backupId: await kit.repository.reserve(new Date(), 'hostile'),
      componentId: 'redis',
      blockSize: 65_536,
    });
    await writer.bytes(factsPath, Buffer.from(JSON.stringify(facts)));
    await writer.add(link);
    const { indexId } = await writer.finish();
    const now = new Date().toISOString();
    const record: ComponentRecord = {
      id: 'redis',
      kind: 'redis',
      host: 'main',
      indexId,
      files: 1,
      bytes: 100,
      storedBytes: 100,
      capturedFrom: now,
      capturedUntil: now,
      quiescence: 'snapshot',
      suspect: false,
      facts: {},
    };
    await expect(driver.stage(kit.context(record, 1001))).rejects.toMatchObject({ code: 'ManifestInvalid' });
    const { uid, gid, mode } = await lstat(secret);
    expect([uid, gid, mode & 0o777]).toEqual([0, 0, 0o600]);
    await driver.undo(kit.context(record, 9001));
    expect((await readdir(join(home, 'redis'))).filter((name) => name.includes('-staging-'))).toEqual([]);
  } finally {
    await kit.repository.close();
  }
});
