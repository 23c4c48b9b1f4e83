/**
 * Bad input and bad luck at the appliance level: a real worker and a real service, and a repository that is not what it
 * seems. Each is refused with its own code before anything stops, and leaves the live data, the service and the
 * folders around them as they were. (What a reader of the repository alone refuses stands in test/repository/.)
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { resultOf } from '../../src/client/runs.ts';
import { newRunId } from '../../src/client/start-run.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { cliScript, type WorkerProcess } from '../../src/dev/demo/worker-process.ts';
import type { IndexEntry } from '../../src/domain/entry.ts';
import type { Manifest } from '../../src/domain/recovery-point.ts';
import { createProcessPlatform } from '../../src/platform/process/process-platform.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { encodeDocument } from '../../src/repository/document.ts';
import { Sealer } from '../../src/repository/frame.ts';
import { initRepository } from '../../src/repository/init.ts';
import { openSecrets, type KeySource } from '../../src/repository/keys.ts';
import { layout } from '../../src/repository/layout.ts';
import { openRepository } from '../../src/repository/open.ts';
import { generateKey } from '../../src/repository/recovery-key.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { Secrets } from '../../src/repository/secrets.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import {
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  type BackupResult,
  type RestoreResult,
} from '../../workflows/messages.ts';
import { putIndex } from '../repository/hostile-indexes.ts';
import { sha256Of, startLeanStage, type LeanStage } from '../support/lean-stage.ts';

let stage: LeanStage;
let worker: WorkerProcess;
let platform: Platform;
let webhook: Server;
const told: string[] = [];
/** The configuration that is well, and the recovery point that was made with it. */
let soundText = '';
let good: Manifest;
let key: Extract<KeySource, { mode: 'key' }>;

beforeAll(async () => {
  webhook = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => told.push(text));
    request.on('end', () => response.end());
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  stage = await startLeanStage(
    2e6,
    `notify: { webhook: 'http://127.0.0.1:${(webhook.address() as AddressInfo).port}/' }`,
  );
  soundText = (await readFile(stage.configFile, 'utf8')).replace(
    /^components: .*$/m,
    `components: { data: { kind: files, paths: [${stage.data}], services: [app] } }
services: { app: { command: [${process.execPath}, -e, 'setInterval(Date, 1000)'], pidFile: ${stage.folder}/app.pid, logFile: ${stage.folder}/app.log } }`,
  );
  await writeFile(stage.configFile, soundText);
  platform = createProcessPlatform(parseConfiguration(soundText, stage.configFile).appliance.services);
  await platform.start('app', AbortSignal.timeout(180_000));
  worker = await stage.startWorker();
  const { id } = await resultOf<BackupResult>(await start('fullBackup', {}));
  key = { mode: 'key', key: await readFile(join(stage.folder, 'key'), 'utf8') };
  good = await withRepository(async ({ repository }) => repository.findManifest(id));
});

afterAll(async () => {
  await platform.stop('app', AbortSignal.timeout(180_000));
  await stage.stop();
  await new Promise((resolve) => webhook.close(resolve));
});

async function start(type: 'fullBackup' | 'restore', input: object): Promise<WorkflowHandle> {
  const { client, appliance } = stage;
  const workflowId = newRunId(type, appliance, new Date());
  return client.workflow.start(type, { workflowId, taskQueue: appliance.temporal.taskQueue, args: [input] });
}

const restoreOf = async (at: string, more: object = {}): Promise<RestoreResult> =>
  resultOf<RestoreResult>(await start('restore', { confirm: 'lean', reason: 'drill', at, ...more }));

interface Opened {
  readonly repository: Repository;
  readonly secrets: Secrets;
}

async function withRepository<T>(use: (opened: Opened) => Promise<T>): Promise<T> {
  const storage = createLocalStorage(stage.repository);
  const repository = await openRepository(storage, key, { threads: 1 });
  try {
    return await use({ repository, secrets: await openSecrets(storage, key, repository.id) });
  } finally {
    await repository.close();
  }
}

/** All that a refused restore must leave alone. */
async function appearance(): Promise<unknown> {
  return {
    service: await readFile(join(stage.folder, 'app.pid'), 'utf8'),
    running: (await platform.state('app')).running,
    data: (await readdir(stage.data)).toSorted(),
    content: await sha256Of(join(stage.data, 'big.bin')),
    // Staging, safety copies and whatever climbed out would lie here.
    around: (await readdir(stage.folder)).filter((name) => name !== '.lifeboat-data.lease.json').toSorted(),
  };
}

describe('a hostile recovery point, sealed with the right key', () => {
  let before: unknown;
  let id = '';
  beforeEach(async () => void (before = await appearance()));
  afterEach(async () => {
    await rm(join(stage.repository, layout.manifest(id)));
    expect(await appearance()).toEqual(before);
  });

  const meta = { mode: 0o644, mtimeNs: '0', uid: 0, gid: 0 } as const;
  const empty = {
    ...meta,
    type: 'file',
    size: 0,
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    blocks: [],
  } as const;
  const inside = (name: string): string => `${stage.data.slice(1)}/${name}`;

  test.each<[string, () => IndexEntry[]]>([
    ['a path that climbs out', () => [{ ...empty, path: inside('../escaped') }]],
    ['a path from the root', () => [{ ...empty, path: '/etc/lifeboat-escaped' }]],
    ['a path outside of the configured ones', () => [{ ...empty, path: 'etc/lifeboat-escaped' }]],
    [
      'a file below a link that leads out',
      () => [
        { ...meta, path: inside('door'), type: 'symlink', target: stage.folder },
        { ...empty, path: inside('door/escaped') },
      ],
    ],
    [
      'a second name for a file outside',
      () => [{ ...meta, path: inside('h'), type: 'hardlink', target: 'etc/passwd' }],
    ],
  ])('X18: %s is ManifestInvalid before anything is written or stopped', async (_what, entries) => {
    id = await withRepository(async (opened) =>
      sealHostileIndex(opened, [{ ...empty, path: inside('first') }, ...entries()]),
    );
    await expect(restoreOf(id)).rejects.toMatchObject({
      code: 'ManifestInvalid',
      message: expect.stringContaining('data') as string,
    });
  });

  test('X18: a manifest that names an object outside of the repository is ManifestInvalid', async () => {
    id = await withRepository(async (opened) =>
      putManifest(opened, {
        backup_files: [{ filename: 'x', path: '../../etc/passwd', size: 1, checksum: '0'.repeat(64) }],
      }),
    );
    await expect(restoreOf(id)).rejects.toMatchObject({
      code: 'ManifestInvalid',
      message: expect.stringContaining(id) as string,
    });
  });

  test('a manifest of a newer format ends as FormatTooNew with the advice to upgrade, also as latest', async () => {
    id = await withRepository(async (opened) => putManifest(opened, { lifeboat: { ...good.lifeboat, format: 99 } }));
    const refusal = {
      code: 'FormatTooNew',
      message: expect.stringContaining('format 99') as string,
      hint: expect.stringContaining('upgrade') as string,
    };
    await expect(restoreOf(id)).rejects.toMatchObject(refusal);
    await expect(restoreOf('latest')).rejects.toMatchObject(refusal);
  });

  async function sealHostileIndex({ repository, secrets }: Opened, entries: readonly IndexEntry[]): Promise<string> {
    const sealer = new Sealer(secrets);
    const indexId = await putIndex(repository.storage, { sealer, component: 'data', entries, packs: new Map() });
    const timestamp = await repository.reserve(new Date(), `hostile ${indexId}`);
    const { configuration, lifeboat } = good;
    const components = lifeboat.components.map((record) => ({ ...record, indexId }));
    await repository.seal({
      timestamp,
      configuration,
      body: { ...lifeboat, components, startedAt: new Date().toISOString() },
    });
    return timestamp;
  }

  async function putManifest({ repository, secrets }: Opened, changes: object): Promise<string> {
    const timestamp = await repository.reserve(new Date(), `hostile ${Math.random()}`);
    const at = layout.manifest(timestamp);
    expect(
      await repository.storage.putIfAbsent(at, encodeDocument(at, { ...good, timestamp, ...changes }, secrets)),
    ).toBe('created');
    return timestamp;
  }
});

describe('a wish that does not fit', () => {
  test('D6.2: an unknown timestamp ends with 4 and the hint to list, an ambiguous one names what it fits', async () => {
    const { id } = await resultOf<BackupResult>(await start('fullBackup', {}));
    expect(await cli('restore', 'start', '--at', '19990101_000000', '--confirm', 'lean')).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/19990101_000000[^]*backups list/) as string,
    });
    const prefix = id.slice(0, 4);
    expect(await cli('restore', 'start', '--at', prefix, '--confirm', 'lean')).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(new RegExp(`${prefix} fits 2 recovery points: ${good.timestamp}, ${id}`)) as string,
    });
  });

  test('a component that the configuration lost is named; the others can still be restored; a new one is left alone', async () => {
    const added = join(stage.folder, 'added');
    await mkdir(added);
    await writeFile(join(added, 'file'), 'new');
    const kept = `data: { kind: files, paths: [${stage.data}], services: [app] }`;
    const extra = `extra: { kind: files, paths: [${added}] }`;
    await worker.stop();
    worker = await startWorkerWith(soundText.replace(kept, `${kept}, ${extra}`));
    await expect(restoreOf(good.timestamp, { components: ['extra'] })).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('extra') as string,
    });
    const both = await resultOf<BackupResult>(await start('fullBackup', {}));
    expect(both.state).toBe('sealed');
    await worker.stop();
    worker = await startWorkerWith(soundText.replace(kept, extra));
    await writeFile(join(added, 'file'), 'spoiled');
    await expect(restoreOf(both.id)).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringMatching(/`data`.*not (?:configured|in lifeboat.yaml)/) as string,
    });
    expect(await readFile(join(added, 'file'), 'utf8')).toBe('spoiled');
    // With another kind under the other name, no component of the point has a driver: both are told at once.
    await worker.stop();
    worker = await startWorkerWith(soundText.replace(kept, `extra: { kind: models, path: ${added} }`));
    await expect(restoreOf(both.id)).rejects.toMatchObject({
      code: 'PlanInvalid',
      message: expect.stringMatching(
        /2 problems:[^]*`data`[^]*configure it again[^]*`extra` is of kind `files`/,
      ) as string,
    });
    for (const wish of [[], ['--components', 'data,extra']]) {
      expect(await cli('restore', 'plan', '--at', both.id, ...wish)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/2 problems:[^]*`data`[^]*`extra` is of kind `files`/) as string,
      });
    }
    expect(await cli('restore', 'plan', '--at', both.id, '--components', 'dta')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('unknown component `dta`') as string,
    });
    await worker.stop();
    worker = await startWorkerWith(soundText.replace(kept, extra));
    const { backupWorkflowId } = await restoreOf(both.id, { components: ['extra'] });
    expect(await readFile(join(added, 'file'), 'utf8')).toBe('new');
    await resultOf(stage.client.workflow.getHandle(backupWorkflowId));
  });
});

describe('another repository under the path', () => {
  beforeAll(async () => {
    await worker.stop();
    worker = await startWorkerWith(soundText);
  });
  afterEach(async () => {
    await rm(stage.repository, { recursive: true, force: true });
    await rename(`${stage.repository}.away`, stage.repository);
  });

  test('between plan and stage it is RepositoryMismatch: nothing was stopped or written', async () => {
    const before = await appearance();
    const handle = await start('restore', { confirm: 'lean', reason: 'drill', at: good.timestamp });
    await handle.executeUpdate(pauseUpdate, { args: [{ by: 'drill' }] });
    await expect.poll(async () => (await handle.query(progressQuery)).steps.length).toBeGreaterThan(0);
    await rename(stage.repository, `${stage.repository}.away`);
    await (await initRepository(createLocalStorage(stage.repository), key)).repository.close();
    await handle.executeUpdate(resumeUpdate, { args: [{ by: 'drill' }] });
    await expect(resultOf(handle)).rejects.toMatchObject({ code: 'RepositoryMismatch' });
    expect(await appearance()).toEqual({ ...(before as object), around: expect.any(Array) as unknown });
  });

  test('a disk that is gone (an empty mount point) is RepositoryMissing: no backup is written beside it, and people are told', async () => {
    told.length = 0;
    await rename(stage.repository, `${stage.repository}.away`);
    await mkdir(stage.repository);
    await expect(resultOf(await start('fullBackup', {}))).rejects.toMatchObject({ code: 'RepositoryMissing' });
    expect(await readdir(stage.repository)).toEqual([]);
    await expect.poll(() => told.join()).toContain('RepositoryMissing');
  });
});

test('a worker with the wrong key fails each run as KeyWrong with a hint, writes nothing, tells people and never shows the key', async () => {
  await worker.stop();
  const wrong = generateKey();
  await writeFile(join(stage.folder, 'key'), wrong);
  worker = await stage.startWorker();
  told.length = 0;
  const objects = await readdir(stage.repository, { recursive: true });
  const refused = { code: 'KeyWrong', hint: expect.stringContaining('recovery kit') as string };
  await expect(resultOf(await start('fullBackup', {}))).rejects.toMatchObject(refused);
  await expect(restoreOf('latest')).rejects.toMatchObject(refused);
  expect(await readdir(stage.repository, { recursive: true })).toEqual(objects);
  for (const what of ['Backup', 'Restore'])
    await expect.poll(() => told.join()).toContain(`${what} of lean failed: KeyWrong`);
  expect(`${told.join()}${await readFile(worker.logFile, 'utf8')}`).not.toContain(wrong.trim().split('\n').at(-1));
});

async function startWorkerWith(text: string): Promise<WorkerProcess> {
  await writeFile(stage.configFile, text);
  return stage.startWorker();
}

async function cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [cliScript, '-c', stage.configFile, ...args])) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}
