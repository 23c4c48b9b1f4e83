/** The watch of the configuration, with real files and their driver. */
import { chmod, mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { FilesConfig } from '../../../src/domain/appliance.ts';
import { createFilesDriver } from '../../../src/drivers/files/driver.ts';
import { awaitChange } from '../../../src/operations/backup/await-change.ts';
import { captureComponent } from '../../../src/operations/backup/capture-component.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { reserve, sealRecords } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';

const { signal } = new AbortController();
const past = new Date('2026-01-01T00:00:00Z');
let points = 0;

async function stageIn(folder: string, repository: Repository) {
  const path = join(folder, 'etc');
  await mkdir(path);
  const file = join(path, 'app.conf');
  await writeFile(file, 'one', { mode: 0o600 });
  await utimes(file, past, past);
  await writeFile(join(path, 'base.conf'), 'stays');
  const config: FilesConfig = {
    id: 'conf',
    kind: 'files',
    host: 'main',
    tier: 'configuration',
    priority: 1,
    services: [],
    paths: [path],
    exclude: ['*.log'],
  };
  const driver = createFilesDriver(config, {
    target: createProcessTarget(),
    stateDir: folder,
    secret: async () => undefined,
  });
  const capture = async (): Promise<void> => {
    const backupId = await reserve(repository, new Date(Date.now() + (points += 1) * 2000));
    const { notes: _told, ...record } = await captureComponent({
      repository,
      driver,
      host: 'main',
      backupId,
      previous: undefined,
      resumePacks: [],
      onProgress: () => undefined,
      signal,
    });
    await sealRecords(repository, backupId, [record], [], 'configuration');
  };
  const watch = async (durationMs: number, quietMs = 100, stopping?: AbortSignal): Promise<string[]> =>
    awaitChange({
      ...(stopping === undefined ? {} : { stopping }),
      repository,
      drivers: [driver],
      durationMs,
      pollMs: 50,
      quietMs,
      onProgress: () => undefined,
      signal,
    });
  return { path, file, capture, watch };
}

describe('a changed configuration', () => {
  test('a watch that is asked to stop ends well, and finds nothing', async ({ repository, folder }) => {
    const { capture, watch } = await stageIn(folder, repository);
    await capture();
    const stopping = new AbortController();
    const watching = watch(2 ** 30, 100, stopping.signal);
    stopping.abort();
    expect(await watching).toEqual([]);
  });

  test('X11: is told once it was never captured, and no more when it was', async ({ repository, folder }) => {
    const { capture, watch } = await stageIn(folder, repository);
    expect(await watch(1000)).toEqual(['conf']);
    await capture();
    expect(await watch(500)).toEqual([]);
  });

  test.for([
    ['content', async (_path: string, file: string) => writeFile(file, 'two')],
    [
      'content of the same size and time',
      async (_path: string, file: string) => {
        await writeFile(file, 'eno');
        await utimes(file, past, past);
      },
    ],
    ['a new file', async (path: string) => writeFile(join(path, 'more.conf'), 'x')],
    ['a file that is gone', async (_path: string, file: string) => rm(file)],
    ['who may read it', async (_path: string, file: string) => chmod(file, 0o644)],
  ] as const)('X11: %s is a change', async ([, change], { repository, folder }) => {
    const { path, file, capture, watch } = await stageIn(folder, repository);
    await capture();
    await change(path, file);
    expect(await watch(2000)).toEqual(['conf']);
    await capture();
    expect(await watch(300)).toEqual([]);
  });

  test('what is left out is none', async ({ repository, folder }) => {
    const { path, capture, watch } = await stageIn(folder, repository);
    await writeFile(join(path, 'app.log'), '1');
    await capture();
    await writeFile(join(path, 'app.log'), '22');
    expect(await watch(500)).toEqual([]);
  });

  test('several steps of one change are told when they are over; what a backup took meanwhile is not', async ({
    repository,
    folder,
  }) => {
    const { file, capture, watch } = await stageIn(folder, repository);
    await capture();
    await writeFile(file, 'two');
    const began = performance.now();
    const watching = watch(60_000, 1000);
    await setTimeout(300);
    await writeFile(file, 'three');
    expect(await watching).toEqual(['conf']);
    expect(performance.now() - began).toBeGreaterThan(950);
    const again = watch(12_000, 10_000);
    await setTimeout(200);
    await capture();
    expect(await again).toEqual([]);
  });
});
