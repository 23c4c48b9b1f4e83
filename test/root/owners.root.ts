/** A worker that runs as root: what it restores belongs to whom it belonged, and the engine's own user can read it. */
import { execFile } from 'node:child_process';
import { chmod, chown, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { startRedis } from '../support/redis.ts';
import type { EntryMeta } from '../../src/domain/entry.ts';
import type { ComponentRecord } from '../../src/domain/recovery-point.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import { createFilesDriver } from '../../src/drivers/files/driver.ts';
import { createModelsDriver } from '../../src/drivers/models/driver.ts';
import { createVectorstoreDriver } from '../../src/drivers/vectorstore/driver.ts';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { createProcessTarget } from '../../src/platform/process/process-target.ts';
import { benchTest } from '../drivers/folder/bench-test.ts';
import { failedProbes, type RestoreBench } from '../drivers/folder/restore-bench.ts';
import { dumpContent, fill, withClient } from '../drivers/redis/sample.ts';
import { makeRedisSubject, password } from '../drivers/redis/subject.ts';
import { configOf, writeStore } from '../drivers/vectorstore/store.ts';
import { writeTinyModel } from '../inference/tiny-model.ts';

const runUser = process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat';
const user = await findOsUser(runUser);
const environment = { target: createProcessTarget(), stateDir: '/nowhere', secret: async () => undefined };
const common = { host: 'main', tier: 'critical', priority: 1, services: [] } as const;

const test = benchTest.extend<{ home: string }>({
  /** A folder of the run user in a folder that everybody may pass, as an application's home is. */
  home: async ({ folder }, use) => {
    await chmod(folder, 0o755);
    const home = join(folder, 'home');
    await mkdir(home, { mode: 0o750 });
    await chown(home, user.uid, user.gid);
    await use(home);
  },
});

describe('D3.5: a worker that runs as root', () => {
  test('restores files to their owner and group, by number where the number has no name; secrets stay closed', async ({
    kit,
    home,
  }) => {
    const live = join(home, 'configuration');
    const unnamed = { uid: 54_321, gid: 54_322 };
    await plant(join(live, '.env'), 'password=canary', { ...user, mode: 0o600 });
    await plant(join(live, 'shared.conf'), 'x', { uid: 0, gid: user.gid, mode: 0o640 });
    await plant(join(live, 'foreign'), 'x', { ...unnamed, mode: 0o604 });
    await chown(live, user.uid, unnamed.gid);
    await chmod(live, 0o711);
    const before = await ownersBelow(home);
    const driver = createFilesDriver(
      { ...common, id: 'configuration', kind: 'files', paths: [live], exclude: [] },
      environment,
    );
    const record = await kit.capture(driver);
    await rm(live, { recursive: true });
    await bringBack(kit, driver, record);
    expect(await ownersBelow(home)).toEqual(before);
    expect((await readAs(user, join(live, '.env'))).trim()).toBe('password=canary');
    await expect(readAs({ uid: 65_534, gid: 65_534 }, join(live, '.env'))).rejects.toThrow('Permission denied');
  });

  test('follows a user’s name where the number is another on this host', async ({ kit, folder }) => {
    const entry = { path: 'moved', mode: 0o600, mtimeNs: '0', uid: 4242, gid: 4343 } as const;
    const named: EntryMeta = { ...entry, type: 'directory', user: user.name, group: user.name };
    const writer = await kit.repository.writeComponent({
      backupId: await kit.repository.reserve(new Date(), 'another host'),
      componentId: 'configuration',
      blockSize: 65_536,
    });
    await writer.add({ ...named, type: 'directory' });
    await writer.add({
      ...named,
      path: 'numbers',
      type: 'directory',
      user: 'nobody-knows-me',
      group: 'nobody-knows-us',
    });
    const { indexId } = await writer.finish();
    const into = join(folder, 'target');
    await kit.repository.materialize({ indexId, into, owner: 'recorded' });
    expect(await ownersBelow(into)).toEqual([
      `moved ${user.uid}:${user.gid} 600`,
      `numbers ${entry.uid}:${entry.gid} 600`,
    ]);
  });

  test('restores a Redis that its own user reads and goes on writing', async ({ kit, folder, home }) => {
    const subject = await makeRedisSubject(home);
    const { dataDirectory, port } = subject.instance;
    const start = async () => startRedis({ directory: join(home, 'redis'), password, port, user });
    let redis = await start();
    try {
      await withClient(redis, async (client) => fill(client, 'seeded'));
      const content = await withClient(redis, dumpContent);
      const record = await kit.capture(subject.driver);
      await redis.kill();
      await rm(dataDirectory, { recursive: true });
      await bringBack(kit, subject.driver, record, async () => void (redis = await start()));
      expect((await lstat(`/proc/${redis.pid}`)).uid).toBe(user.uid);
      for (const line of await ownersBelow(dataDirectory)) expect(line).toContain(` ${user.uid}:${user.gid} `);
      expect((await lstat(dataDirectory)).uid).toBe(user.uid);
      expect(await withClient(redis, dumpContent)).toBe(content);
      // It must also be able to rewrite its files, not only to read them.
      expect(await withClient(redis, async (client) => client.save())).toBe('OK');
    } finally {
      await redis.stop();
      await chmod(folder, 0o700);
    }
  });

  test('restores vector store and models to the owner of each file', async ({ kit, home }) => {
    const vectors = join(home, 'vectors');
    const models = join(home, 'models');
    await writeStore(vectors);
    await mkdir(models);
    await writeTinyModel(join(models, 'tiny.gguf'));
    for (const folder of [vectors, models]) {
      for (const name of await readdir(folder)) {
        await chown(join(folder, name), user.uid, user.gid);
        await chmod(join(folder, name), 0o640);
      }
      await chown(folder, user.uid, user.gid);
      await chmod(folder, 0o750);
    }
    const before = await ownersBelow(home);
    const drivers = [
      createVectorstoreDriver(configOf(vectors), environment),
      createModelsDriver(
        { ...common, id: 'models', kind: 'models', path: models, memoryLimit: 256 * 2 ** 20 },
        environment,
      ),
    ];
    const records = new Map<Driver, ComponentRecord>();
    for (const driver of drivers) records.set(driver, await kit.capture(driver));
    await rm(vectors, { recursive: true });
    await rm(models, { recursive: true });
    for (const [driver, record] of records) await bringBack(kit, driver, record);
    expect(await ownersBelow(home)).toEqual(before);
    await readAs(user, join(vectors, 'metadata.json'));
  });
});

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

async function plant(path: string, content: string, { uid, gid, mode }: Owner & { readonly mode: number }) {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, content);
  await chown(path, uid, gid);
  await chmod(path, mode);
}

/** stage → validate → swap → (start) → probe → commit, with every check holding and the safety copy removed. */
async function bringBack(
  kit: RestoreBench,
  driver: Driver,
  record: ComponentRecord,
  start: () => Promise<void> = async () => undefined,
): Promise<void> {
  expect((await driver.restoreTargets(record)).flatMap(({ problems }) => problems)).toEqual([]);
  expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
  await start();
  expect(failedProbes(await driver.probe(kit.context(record, 4001)))).toEqual([]);
  const { safetyCopies } = await driver.commit(kit.context(record, 5001));
  expect(safetyCopies).toEqual([]);
}

/** `<path> <uid>:<gid> <mode>` of everything below, but Lifeboat's own journals. */
async function ownersBelow(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => !name.includes('.lifeboat-'));
  const lines = names.map(async (name) => {
    const { uid, gid, mode } = await lstat(join(folder, name));
    return `${name} ${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
  });
  return (await Promise.all(lines)).toSorted();
}

async function readAs({ uid, gid }: Owner, path: string): Promise<string> {
  return (await promisify(execFile)('cat', [path], { uid, gid, cwd: '/' })).stdout;
}
