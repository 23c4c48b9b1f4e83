/**
 * Disks that are really full: small file systems in memory, which only root can mount. (A limit on file sizes is no
 * stand-in: it fails one file with EFBIG, and leaves room for every other.) Where even root may not mount, as in many
 * containers, these tests are skipped and test/drills/disk-full.test.ts stands alone.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFile,
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  rmdir,
  statfs,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resultOf } from '../../src/client/runs.ts';
import { newRunId } from '../../src/client/start-run.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { startWorkerProcess, type WorkerProcess } from '../../src/dev/demo/worker-process.ts';
import { poll } from '../../src/dev/poll.ts';
import type { RunningTemporal } from '../../src/dev/temporal.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import type { Manifest } from '../../src/domain/recovery-point.ts';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { createProcessPlatform } from '../../src/platform/process/process-platform.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { initRepository } from '../../src/repository/init.ts';
import { openRepository } from '../../src/repository/open.ts';
import { generateKey } from '../../src/repository/recovery-key.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import type { BackupResult, RestoreResult } from '../../workflows/messages.ts';
import { startTemporal } from '../support/engines.ts';
import { sha256Of } from '../support/lean-stage.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const run = promisify(execFile);
const megabyte = 2 ** 20;
const canMount = await tryMount();

describe.skipIf(!canMount)('a disk that is full', () => {
  let folder: TemporaryFolder;
  let temporal: RunningTemporal;
  let connection: Connection;
  let client: Client;
  let appliance: Appliance;
  let worker: WorkerProcess;
  let platform: Platform;
  /** Holds the live data and nothing else. */
  let dataDisk = '';
  /** Holds the repository and nothing else. */
  let backupDisk = '';
  let live = '';

  beforeAll(async () => {
    const user = await findOsUser(process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat');
    folder = await temporaryFolder('full');
    await chmod(folder.path, 0o755);
    const server = join(folder.path, 'temporal');
    await mkdir(server);
    await chown(server, user.uid, user.gid);
    temporal = await startTemporal({ directory: server, user });
    dataDisk = await mountDisk(join(folder.path, 'data-disk'), 100);
    backupDisk = await mountDisk(join(folder.path, 'backup-disk'), 48);
    live = join(dataDisk, 'data');
    await mkdir(live);
    await writeFile(join(live, 'big.bin'), randomBytes(12 * megabyte));
    await writeFile(keyFile(), generateKey(), { mode: 0o600 });
    await (await initRepository(createLocalStorage(repositoryPath()), await keySource())).repository.close();
    const text = `appliance: small
state: ${folder.path}/state
repository: { path: ${repositoryPath()}, reserve: 1MB, encryption: { key: { file: ${keyFile()} } } }
temporal: { address: '${temporal.address}' }
components: { data: { kind: files, paths: [${live}], services: [app] } }
services:
  app:
    command: [${process.execPath}, -e, 'setInterval(Date, 1000)']
    user: ${user.name}
    pidFile: ${server}/app.pid
    logFile: ${server}/app.log
`;
    const configFile = join(folder.path, 'lifeboat.yaml');
    await writeFile(configFile, text);
    ({ appliance } = parseConfiguration(text, configFile));
    platform = createProcessPlatform(appliance.services);
    await platform.start('app', AbortSignal.timeout(180_000));
    connection = await Connection.connect({ address: temporal.address });
    client = new Client({ connection });
    worker = await startWorkerProcess(configFile, join(folder.path, 'worker.log'));
  });

  afterAll(async () => {
    await platform.stop('app', AbortSignal.timeout(180_000));
    await worker.stop();
    await connection.close();
    await temporal.stop();
    for (const disk of [dataDisk, backupDisk]) await run('umount', [disk]);
    await folder.remove();
  });

  const keyFile = (): string => join(folder.path, 'key');
  const repositoryPath = (): string => join(backupDisk, 'backups');
  const keySource = async () => ({ mode: 'key', key: await readFile(keyFile(), 'utf8') }) as const;

  async function start(type: 'fullBackup' | 'restore', input: object): Promise<WorkflowHandle> {
    const workflowId = newRunId(type, appliance, new Date());
    return client.workflow.start(type, { workflowId, taskQueue: appliance.temporal.taskQueue, args: [input] });
  }

  async function withRepository<T>(use: (repository: Repository) => Promise<T>): Promise<T> {
    const repository = await openRepository(createLocalStorage(repositoryPath()), await keySource(), { threads: 1 });
    try {
      return await use(repository);
    } finally {
      await repository.close();
    }
  }

  /** Every recovery point, each of which must check. */
  async function soundPoints(): Promise<string[]> {
    return withRepository(async (repository) => {
      const listings = await repository.listManifests();
      for (const { manifest } of listings)
        expect((await repository.check(manifest as Manifest, {})).problems).toEqual([]);
      return listings.map(({ timestamp }) => timestamp);
    });
  }

  test('while backing up: NoSpace names the path, no manifest is written, and a run with space converges', async () => {
    const first = await resultOf<BackupResult>(await start('fullBackup', {}));
    // A later backup is expected to store changes only, so this one begins, and then finds that it does not fit.
    await writeFile(join(live, 'big.bin'), randomBytes(45 * megabyte));
    const failing = await start('fullBackup', {});
    await expect(resultOf(failing)).rejects.toMatchObject({
      code: 'NoSpace',
      message: expect.stringMatching(new RegExp(`data: NoSpace: .*${repositoryPath()}.*ENOSPC`)) as string,
    });
    expect(await soundPoints()).toEqual([first.id]);
    // Only garbage: what was half written is gone again, so that the evidence of the failure had room.
    expect(await readdir(join(repositoryPath(), '.staging'))).toEqual([]);
    const report = await withRepository(async (repository) => repository.getReport('fullBackup', failing.workflowId));
    expect(report).toMatchObject({ state: 'failed', text: expect.stringContaining('NoSpace') as string });

    await run('mount', ['-o', 'remount,size=200m', backupDisk]);
    const converged = await resultOf<BackupResult>(await start('fullBackup', {}));
    expect(converged.state).toBe('sealed');
    expect(await soundPoints()).toEqual([converged.id, first.id]);
  });

  test('known beforehand, a restore is refused by its plan; the live data and its service do not notice', async () => {
    const before = await appearance();
    await fillUp(20 * megabyte);
    await expect(resultOf(await start('restore', confirmed))).rejects.toMatchObject({
      code: 'NoSpace',
      message: expect.stringMatching(new RegExp(`nothing was stopped[^]*${dataDisk}[^]*free`)) as string,
    });
    await rm(filler());
    expect(await appearance()).toEqual(before);
  });

  test('while staging: NoSpace, the live data and its service do not notice, staging is removed, and it works with space', async () => {
    const before = await appearance();
    const failing = await start('restore', confirmed);
    const isStaging = async () => (await readdir(dataDisk)).some((name) => name.includes('-staging-')) || undefined;
    await poll(isStaging, { timeoutMs: 120_000, intervalMs: 1, describe: () => new Error('no staging appeared') });
    // The worker stands still while the disk fills: it passed the check of room, and has the bytes still to write.
    process.kill(worker.pid, 'SIGSTOP');
    try {
      await fillUp(0);
    } finally {
      process.kill(worker.pid, 'SIGCONT');
    }
    await expect(resultOf(failing)).rejects.toMatchObject({
      code: 'NoSpace',
      message: expect.stringContaining(join(dataDisk, 'data').slice(1)) as string,
    });
    await rm(filler());
    expect(await appearance()).toEqual(before);

    await writeFile(join(live, 'big.bin'), 'spoiled');
    const result = await resultOf<RestoreResult>(await start('restore', confirmed));
    expect(result.state).toBe('committed');
    expect(await sha256Of(join(live, 'big.bin'))).toBe(before.content);
    await resultOf(client.workflow.getHandle(result.backupWorkflowId));
  });

  const confirmed = { confirm: 'small', reason: 'drill' };
  const filler = (): string => join(dataDisk, 'filler');

  /** Writes until so many bytes are free, or with 0 until nothing fits any more. */
  async function fillUp(leaveBytes: number): Promise<void> {
    const block = Buffer.alloc(megabyte / 4);
    for (;;) {
      const { bavail, bsize } = await statfs(dataDisk);
      if (leaveBytes > 0 && bavail * bsize <= leaveBytes) return;
      try {
        await appendFile(filler(), block);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
        throw error;
      }
    }
  }

  async function appearance(): Promise<{ readonly content: string; readonly rest: unknown }> {
    return {
      content: await sha256Of(join(live, 'big.bin')),
      rest: {
        service: await readFile(join(folder.path, 'temporal', 'app.pid'), 'utf8'),
        running: (await platform.state('app')).running,
        data: await readdir(live),
        around: (await readdir(dataDisk)).filter((name) => name !== '.lifeboat-data.lease.json'),
      },
    };
  }
});

async function mountDisk(path: string, megabytes: number): Promise<string> {
  await mkdir(path);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
  return path;
}

async function tryMount(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-mount-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    await run('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    await rmdir(folder);
  }
}
