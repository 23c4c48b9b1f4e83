/**
 * A full disk, as far as an ordinary user can have one: a disk that is down to its reserve is real here, a write that
 * fails with ENOSPC is injected below the activities. Disks that are really full, also while staging, need mounts and
 * stand in test/root/disk-full.root.ts. (RLIMIT_FSIZE is no stand-in: EFBIG for one file, room for all others.)
 */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect } from 'vitest';
import { createComponentActivities } from '../../activities/component.ts';
import type { Dependencies } from '../../activities/dependencies.ts';
import { createStorageActivities } from '../../activities/recovery-points.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import { initRepository } from '../../src/repository/init.ts';
import { openRepository } from '../../src/repository/open.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { withFaults } from '../support/faults.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { wireParts } from '../../workers/parts.ts';
import { createMetrics } from '../../workers/metrics.ts';
import { folderTest } from '../support/folder-test.ts';

const key = { mode: 'key', key: new Uint8Array(32).fill(3) } as const;

interface Plant {
  readonly appliance: Appliance;
  readonly repositoryPath: string;
  readonly deps: Dependencies;
}

const test = folderTest.extend<{ plant: (reserveBytes: string) => Promise<Plant> }>({
  plant: async ({ folder }, use) => {
    const closing: (() => Promise<void>)[] = [];
    await use(async (reserveBytes) => {
      const repositoryPath = join(folder, 'backups');
      const data = join(folder, 'data');
      await mkdir(data);
      await writeFile(join(data, 'file'), randomBytes(300_000));
      await writeFile(join(folder, 'key'), Buffer.from(key.key).toString('hex'), { mode: 0o600 });
      await (await initRepository(createLocalStorage(repositoryPath), key)).repository.close();
      const text = `appliance: small
state: ${join(folder, 'state')}
repository: { path: ${repositoryPath}, reserve: ${reserveBytes}, encryption: { key: { file: ${join(folder, 'key')} } } }
components: { data: { kind: files, paths: [${data}] } }
`;
      const { appliance } = parseConfiguration(text, join(folder, 'lifeboat.yaml'));
      const parts = wireParts(appliance);
      // Never connected: these activities do not speak to the server.
      const client = new Client({ connection: Connection.lazy() });
      closing.push(parts.close, async () => client.connection.close());
      return {
        appliance,
        repositoryPath,
        deps: {
          ...parts,
          client,
          searchable: false,
          dueTimes: async () => [],
          keepContinuousRuns: async () => undefined,
          log: createLogger(),
          stopping: new AbortController().signal,
          observer: createMetrics(appliance, parts.repository),
        },
      };
    });
    for (const close of closing) await close();
  },
});

const begin = { owner: 'the-run', at: '2026-11-22T02:00:00.000Z' };

/** Runs an activity as a worker would. */
const asActivity = async <T>(run: () => Promise<T>): Promise<T> =>
  new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => {}) }).run(run);

const reserve = async (deps: Dependencies): Promise<{ readonly backupId: string; readonly repositoryId: string }> =>
  asActivity(async () => createStorageActivities(deps).beginBackup(begin));

describe('a full disk while backing up', () => {
  test('D2.4: a disk that is down to its reserve is refused before the first byte, with the bytes to free', async ({
    plant,
  }) => {
    const { deps, repositoryPath } = await plant('1000000TB');
    const before = await readdir(repositoryPath, { recursive: true });
    await expect(reserve(deps)).rejects.toMatchObject({
      type: 'NoSpace',
      nonRetryable: true,
      message: expect.stringMatching(/has .* free; the backup may need .* must stay free/) as string,
      details: [{ hint: expect.stringContaining(repositoryPath) as string }],
    });
    expect(await readdir(repositoryPath, { recursive: true })).toEqual(before);
  });

  test('D6.1: ENOSPC at any write is NoSpace at once, leaves no manifest and no half file, and the next run converges', async ({
    plant,
  }) => {
    const { appliance, deps, repositoryPath } = await plant('1MB');
    const writes = /^(?:stage|append|commit|putIfAbsent) (?!intents)/;
    const counted = await capture(deps, (storage) => withFaults(storage));
    expect(counted.error).toBeUndefined();
    const failAts = counted.calls.flatMap((call, index) => (writes.test(call) ? [index + 1] : []));
    expect(failAts.length).toBeGreaterThan(4);
    for (const failAt of failAts) {
      await writeFile(join(repositoryPath, '..', 'data', 'file'), randomBytes(300_000));
      const error = Object.assign(new Error('ENOSPC: no space left on device, write'), {
        code: 'ENOSPC',
        syscall: 'write',
        path: join(repositoryPath, '.staging', 'x'),
      });
      const failed = await capture(deps, (storage) => withFaults(storage, { failAt, error: () => error }));
      expect(failed.error, failed.calls.at(-1)).toMatchObject({
        type: 'NoSpace',
        nonRetryable: true,
        message: expect.stringMatching(new RegExp(`^data: no space left \\(.*write.*${repositoryPath}`)) as string,
      });
      expect(await readdir(join(repositoryPath, '.staging'))).toEqual([]);
      expect(await readdir(join(repositoryPath, 'manifests')).catch(() => [])).toEqual([]);
    }
    const begun = await reserve(deps);
    const receipt = await asActivity(async () =>
      createComponentActivities(deps).captureComponent({ ...begun, component: 'data' }),
    );
    const sealing = {
      ...begun,
      type: 'full' as const,
      startedAt: begin.at,
      receipts: [receipt],
      failures: [],
      workflow: null,
    };
    await asActivity(async () => createStorageActivities(deps).sealBackup(sealing));
    const repository = await deps.repository();
    const manifest = await repository.findManifest('latest');
    expect((await repository.check(manifest, {})).problems).toEqual([]);
    const into = join(repositoryPath, '..', 'target');
    await repository.materialize({ indexId: receipt.indexId, into });
    const [path] = appliance.components.flatMap((component) => (component.kind === 'files' ? component.paths : []));
    expect(await readFile(join(into, path ?? '', 'file'))).toEqual(await readFile(join(path ?? '', 'file')));
  });

  interface Captured {
    readonly calls: readonly string[];
    readonly error?: unknown;
  }

  /** One capture activity on a repository whose storage is wrapped; reserving its id is not part of it. */
  async function capture(
    deps: Dependencies,
    wrap: (storage: Repository['storage']) => ReturnType<typeof withFaults>,
  ): Promise<Captured> {
    const { backupId, repositoryId } = await reserve(deps);
    const faulty = wrap(createLocalStorage(deps.appliance.repository.path));
    const repository = await openRepository(faulty, key, { threads: 1 });
    try {
      const activities = createComponentActivities({ ...deps, repository: async () => repository });
      await asActivity(async () => activities.captureComponent({ repositoryId, backupId, component: 'data' }));
      return { calls: faulty.calls };
    } catch (error) {
      return { calls: faulty.calls, error };
    } finally {
      await repository.close();
    }
  }
});
