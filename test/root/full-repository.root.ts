/** The disk of the repository is full in the middle of a backup, at every place where that may be. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LifeboatError } from '../../src/domain/errors.ts';
import { initRepository } from '../../src/repository/init.ts';
import { openRepository } from '../../src/repository/open.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { addTree, backUp, describeTree, testKey } from '../repository/backup.ts';

let folder: TemporaryFolder;
let disk: string;

beforeAll(async () => {
  folder = await temporaryFolder('small-disk');
  disk = join(folder.path, 'disk');
  await mkdir(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]);
});
afterAll(async () => {
  execFileSync('umount', [disk]);
  await folder.remove();
});

async function fillUp(leaveBytes: number): Promise<void> {
  for (;;) {
    const { bavail, bsize } = await statfs(disk);
    const free = bavail * bsize;
    if (free <= leaveBytes) return;
    try {
      await appendFile(join(disk, 'filler'), Buffer.alloc(Math.max(1, Math.min(2 ** 20, free - leaveBytes)), 1));
    } catch {
      return;
    }
  }
}

test('left free from nothing on, page by page: told, nothing false, and the next one is whole', async () => {
  const outcomes: Record<string, number> = {};
  const source = join(folder.path, 'source');
  await mkdir(source);
  const steps = [
    ...Array.from({ length: 5 }, (_, n) => n * 8192),
    ...Array.from({ length: 8 }, (_, n) => 60_000 + n * 240_000),
  ];
  for (const free of steps) {
    const place = join(disk, `repository-${free}`);
    const { repository } = await initRepository(createLocalStorage(place), testKey);
    for (let n = 0; n < 5; n += 1) await writeFile(join(source, `small-${n}`), randomBytes(3000));
    await writeFile(join(source, 'large'), randomBytes(1_500_000));
    const first = await backUp(repository, async (writer) => addTree(writer, source), {
      time: new Date(Date.now() - 60_000),
    });
    const before = await describeTree(source);
    await writeFile(join(source, 'large'), randomBytes(1_500_000));
    for (let n = 0; n < 3; n += 1) await writeFile(join(source, `small-${n}`), randomBytes(3000));
    await fillUp(free);
    const outcome = await backUp(repository, async (writer) => addTree(writer, source), {
      previous: first.record,
    }).then(
      () => 'sealed',
      (error: unknown) => (error instanceof LifeboatError ? error.code : `FOREIGN ${String(error)}`),
    );
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    const points = await sound(repository);
    // Sealed may also have failed only at what comes after.
    if (outcome === 'sealed') expect(points).toBe(2);
    else expect(points, `${free}: ${outcome}`).toBeLessThanOrEqual(2);
    if (outcome !== 'sealed' && points === 2)
      outcomes['error after the seal'] = (outcomes['error after the seal'] ?? 0) + 1;
    // What retention can do there.
    await fillUp(0);
    const collected = await repository.collect({ expire: [], wal: [], holder: 'test' }).then(
      () => 'collected',
      (error: unknown) => (error instanceof LifeboatError ? error.code : `FOREIGN ${String(error)}`),
    );
    outcomes[`collect: ${collected}`] = (outcomes[`collect: ${collected}`] ?? 0) + 1;
    await repository.close();
    await rm(join(disk, 'filler'), { force: true });
    const again = await openRepository(createLocalStorage(place), testKey);
    const next = await backUp(again, async (writer) => addTree(writer, source), {
      previous: first.record,
      time: new Date(Date.now() + 60_000),
    });
    await sound(again);
    for (const [name, record, expected] of [
      ['first', first.record, before],
      ['next', next.record, await describeTree(source)],
    ] as const) {
      const into = join(folder.path, `into-${name}`);
      await again.materialize({ indexId: record.indexId, into });
      expect(await describeTree(into)).toEqual(expected);
      await rm(into, { recursive: true });
    }
    expect(await again.collect({ expire: [], wal: [], holder: 'test' })).toBeDefined();
    outcomes['staging left'] = (outcomes['staging left'] ?? 0) + (await readdir(join(place, '.staging'))).length;
    await again.close();
    await rm(place, { recursive: true });
  }
  expect(Object.keys(outcomes).toSorted()).toEqual(['NoSpace', 'collect: NoSpace', 'sealed', 'staging left']);
  expect(outcomes['staging left']).toBe(0);
});

async function sound(repository: Repository): Promise<number> {
  const listings = await repository.listManifests();
  for (const { manifest, problem } of listings) {
    expect(problem).toBeUndefined();
    expect((await repository.check(manifest!, {})).problems).toEqual([]);
  }
  return listings.length;
}
