import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { LifeboatError } from '../../src/domain/errors.ts';
import { initRepository } from '../../src/repository/init.ts';
import { openRepository } from '../../src/repository/open.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { withFaults } from '../support/faults.ts';
import type { FaultPlan, FaultyStorage } from '../support/faults.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { addTree, backUp, describeTree, sealRecords, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';
import type { Backup } from './backup.ts';

const time = new Date('2026-11-22T02:00:00Z');

/** Calls that change the storage: only their answers can be lost. */
const mutations = /^(?:stage|append|commit|putIfAbsent|replaceIf) /;

describe('storage faults', () => {
  for (const when of ['before', 'after'] as const) {
    test(`D6.1: a fault ${when} any storage call never leaves a false recovery point, and a clean run converges`, async ({
      folder,
      open,
    }) => {
      const source = await plantSource(folder);
      const counted = await attempt(await makeStorage(folder, 'counted'), source, 'the-run');
      expect(counted.error).toBeUndefined();
      const { calls } = counted.storage;
      expect(calls.length).toBeLessThanOrEqual(100);
      for (let failAt = 1; failAt <= calls.length; failAt += 1) {
        if (when === 'after' && !mutations.test(calls[failAt - 1] ?? '')) continue;
        const what = `call ${failAt}: ${calls[failAt - 1] ?? ''}`;
        const storage = await makeStorage(folder, `${when}-${failAt}`);
        const { error } = await attempt(storage, source, 'the-run', { failAt, when });
        // A fault may be absorbed (a clean-up that can wait), but then the point is whole.
        if (error !== undefined) expect(error, what).toMatchObject({ code: 'StorageFailed' });
        const repository = await open(storage, testKey, { threads: 1 });
        const sealed = await soundPoints(repository, what);
        // The retry of an unsealed run is the same run; after a seal whose answer was lost it is the next one.
        const { manifest, record } = await run(repository, source, sealed === 0 ? 'the-run' : 'the-next-run');
        expect(await soundPoints(repository, what), what).toBe(sealed + 1);
        expect(manifest.success, what).toBe(true);
        const into = join(folder, `${when}-${failAt}-target`);
        await repository.materialize({ indexId: record.indexId, into });
        expect(await describeTree(into), what).toEqual(await describeTree(source));
        await repository.close();
      }
    });
  }

  test('D6.1: a full disk is NoSpace, seals nothing, and the next run succeeds', async ({ folder, open }) => {
    const source = await plantSource(folder);
    const counted = await attempt(await makeStorage(folder, 'counted'), source, 'the-run');
    const failAt = counted.storage.calls.findIndex((call) => call.startsWith('append packs/')) + 1;
    const storage = await makeStorage(folder, 'full');
    const { error } = await attempt(storage, source, 'the-run', {
      failAt,
      error: () => new LifeboatError('NoSpace', 'cannot write: ENOSPC'),
    });
    expect(error).toMatchObject({ code: 'NoSpace' });
    expect(await keysBelow(storage, 'manifests/')).toEqual([]);
    expect(await keysBelow(storage, 'packs/')).toEqual([]);
    const repository = await open(storage, testKey, { threads: 1 });
    expect((await run(repository, source, 'the-run')).manifest.success).toBe(true);
  });

  test('sealing again after a lost answer returns the manifest that stands', async ({ folder, repository }) => {
    const { id, record, manifest } = await run(repository, await plantSource(folder), 'the-run');
    expect(await sealRecords(repository, id, [record])).toEqual(manifest);
  });
});

interface Attempt {
  readonly storage: FaultyStorage;
  readonly error?: unknown;
}

async function makeStorage(folder: string, place: string): Promise<Storage> {
  const storage = createLocalStorage(join(folder, place));
  const { repository } = await initRepository(storage, testKey);
  await repository.close();
  return storage;
}

/** A run whose storage breaks as planned. */
async function attempt(plain: Storage, source: string, owner: string, plan: FaultPlan = {}): Promise<Attempt> {
  const storage = withFaults(plain, plan);
  let repository: Repository | undefined;
  try {
    repository = await openRepository(storage, testKey, { threads: 1 });
    await run(repository, source, owner);
    return { storage };
  } catch (error) {
    return { storage, error };
  } finally {
    await repository?.close();
  }
}

/** Same time and owner, as the retry of an activity has them. */
async function run(repository: Repository, source: string, owner: string): Promise<Backup> {
  const backupId = await repository.reserve(time, owner);
  return backUp(repository, (writer) => addTree(writer, source), { backupId });
}

/** How many recovery points are listed; each of them checks. */
async function soundPoints(repository: Repository, what: string): Promise<number> {
  const listings = await repository.listManifests();
  for (const { manifest, problem } of listings) {
    expect(problem, what).toBeUndefined();
    if (manifest !== undefined) expect((await repository.check(manifest, {})).problems, what).toEqual([]);
  }
  return listings.length;
}

async function plantSource(folder: string): Promise<string> {
  const source = join(folder, 'source');
  await mkdir(join(source, 'sub'), { recursive: true });
  for (const [name, size] of [
    ['.env', 40],
    ['compose.yaml', 3000],
    ['sub/certificate', 90_000],
    ['sub/empty', 0],
  ] as const)
    await writeFile(join(source, name), Buffer.alloc(size, name));
  return source;
}

async function keysBelow(storage: Storage, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list(prefix)) keys.push(key);
  return keys;
}
