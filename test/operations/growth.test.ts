import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { planRetention } from '../../src/operations/retention/retention.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { readCoverage } from '../../src/operations/rpo/coverage.ts';
import { initRepository } from '../../src/repository/init.ts';
import { verifyPoint } from '../../src/operations/verify/recovery-point.ts';
import { inLanes } from '../../src/domain/in-lanes.ts';
import { layout } from '../../src/repository/layout.ts';
import { listPoints } from '../../src/operations/recovery-points/list.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { withFaults, type FaultyStorage } from '../support/faults.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { backUp, testKey } from '../repository/backup.ts';
import { repositoryTest } from '../repository/fixture.ts';
import { limits } from './wal/wal-base.ts';

const minuteMs = 60_000;
const begin = new Date('2026-01-01T00:00:00Z').getTime();

/** Points from the given one on, each with a proof. */
async function addPoints(repository: Parameters<typeof backUp>[0], from: number, to: number): Promise<string[]> {
  const ids: string[] = [];
  for (let number = from; number < to; number += 1) {
    const time = new Date(begin + number * minuteMs);
    const { id } = await backUp(repository, async (writer) => writer.bytes('file', Buffer.from(`${number}`)), { time });
    await repository.putProof(id, { kind: 'verify', levels: ['L1', 'L3'], ok: true, state: 'verified' });
    ids.push(id);
  }
  return ids;
}

/** All but the readings of documents, which are as many as there are documents. */
function asked({ calls }: FaultyStorage): number {
  return calls.filter((call) => !call.startsWith('read ')).length;
}

repositoryTest(
  'a list, a plan of retention and what is damaged ask the storage as often for many points as for few',
  async ({ storage, repository, open }) => {
    const options = { limits, holds: [], capacityBytes: 1e9, now: new Date(), maxShare: 1 };
    const cost = async (): Promise<number[]> => {
      const costs: number[] = [];
      for (const act of [
        async (place: typeof repository) => listPoints(place, { isCopy: false }),
        async (place: typeof repository) => planRetention({ ...options, repository: place }),
        async (place: typeof repository) => {
          const id = await place.reserve(new Date(), `${costs.length}`);
          const writer = await place.writeComponent({ backupId: id, componentId: 'files', blockSize: 64 * 1024 });
          await writer.abandon();
          await storage.remove(`intents/${id}.json`);
        },
      ]) {
        const counting = withFaults(storage);
        await act(await open(counting));
        costs.push(asked(counting));
      }
      return costs;
    };
    await addPoints(repository, 0, 3);
    const few = await cost();
    await addPoints(repository, 3, 12);
    expect(await cost()).toEqual(few);
  },
);

repositoryTest('a proof is read once by a process, whoever asks for it', async ({ storage, repository, open }) => {
  const [id = ''] = await addPoints(repository, 0, 1);
  const counting = withFaults(storage);
  const reader = await open(counting);
  for (let times = 0; times < 3; times += 1) {
    expect(await reader.pointState(id)).toBe('verified');
    expect(await (await reader.proofBook()).state(id)).toBe('verified');
  }
  expect(counting.calls.filter((call) => call.startsWith('read proofs/'))).toHaveLength(1);
  // What is written since is read.
  await repository.putProof(id, { kind: 'verify', levels: ['L1'], ok: false, state: 'failed' });
  expect(await reader.pointState(id)).toBe('failed');
  expect(await (await reader.proofBook()).state(id)).toBe('failed');
});

repositoryTest('manifests are read several at a time', async ({ storage, repository, open }) => {
  await addPoints(repository, 0, 6);
  const listed = await (await open(heldUntil(storage, 4, 'read', 'manifests/'))).listManifests();
  expect(listed).toHaveLength(6);
});

repositoryTest(
  'of a point with many packs presence is one listing, and what lacks is found',
  async ({ storage, repository, open }) => {
    const id = await repository.reserve(new Date(begin), 'test');
    const packs: string[] = [];
    const content = (number: number): Buffer => Buffer.from(`content ${number}`);
    await inLanes(4, Array.from({ length: 70 }).keys(), async (number) => {
      const writer = await repository.writeComponent({ backupId: id, componentId: 'files', blockSize: 64 * 1024 });
      await writer.bytes('file', content(number));
      await writer.finish();
      packs.push(...writer.committedPacks());
    });
    const { manifest } = await backUp(
      repository,
      async (writer) => {
        for (let number = 0; number < packs.length; number += 1) await writer.bytes(`${number}`, content(number));
      },
      { backupId: id, resumePacks: packs },
    );
    expect(manifest.backup_files.length).toBeGreaterThan(70);
    const counting = withFaults(storage);
    const reader = await open(counting);
    const look = async (orThrow: boolean) =>
      verifyPoint({
        repository: reader,
        at: id,
        components: [],
        levels: ['L1-presence'],
        onProgress: () => undefined,
        signal: AbortSignal.timeout(60_000),
        orThrow,
      });
    expect(await look(true)).toMatchObject({ ok: true, objects: manifest.backup_files.length });
    expect(counting.calls.filter((call) => call.startsWith('stat packs/'))).toEqual([]);
    expect(counting.calls.filter((call) => call === 'list packs/')).toHaveLength(1);
    await storage.remove(layout.pack(packs[0]!));
    expect(await look(false)).toMatchObject({
      ok: false,
      problems: expect.arrayContaining([expect.stringContaining(packs[0]!)]) as string[],
    });
  },
);

repositoryTest(
  'a collector marks several objects at a time, and looks at none that its listing showed',
  async ({ storage, repository, open }) => {
    const ids = await addPoints(repository, 0, 6);
    const counting = withFaults(heldUntil(storage, 4, 'putIfAbsent', 'tombstones/'));
    const collector = await open(counting);
    expect(await collector.collect({ expire: ids, wal: [], holder: 'test' })).toMatchObject({ marked: 12 });
    await collector.collect({ expire: [], wal: [], holder: 'test' });
    expect(counting.calls.filter((call) => /^stat (?:packs|indexes)/.test(call))).toEqual([]);
  },
);

repositoryTest('packs that are read again are read several at a time', async ({ storage, repository, open }) => {
  const [id = ''] = await addPoints(repository, 0, 6);
  const reader = await open(heldUntil(storage, 4, 'read', 'packs/'));
  const read = await reader.reread({ shares: [0], of: 1, walShares: [], walOf: 1 });
  expect(read).toMatchObject({ objects: 12, damagedPacks: [] });
  expect(await reader.check(await reader.findManifest(id), {})).toMatchObject({ ok: true });
});

repositoryTest(
  'a replication reads what it knows of a copy once a day, and looks at what was changed there',
  async ({ folder, repository }) => {
    await addPoints(repository, 0, 3);
    const counting = withFaults(createLocalStorage(join(folder, 'copy')));
    let begun = 0;
    const replicate = async (): Promise<string[]> => {
      begun = counting.calls.length;
      const { points } = await repository.replicateTo(counting, { owner: 'test' });
      return [...points];
    };
    const readings = (): string[] => counting.calls.slice(begun).filter((call) => call.startsWith('read manifests/'));
    expect(await replicate()).toHaveLength(3);
    await replicate();
    const [fourth = ''] = await addPoints(repository, 3, 4);
    expect(await replicate()).toEqual([fourth]);
    expect(readings()).toEqual([]);
    expect(await replicate()).toEqual([]);
    expect(readings()).toEqual([`read ${layout.manifest(fourth)}`]);
    await writeFile(join(folder, 'copy', layout.manifest(fourth)), 'something else');
    expect(await replicate()).toEqual([fourth]);
  },
);

repositoryTest(
  'how protected an appliance is tells without a look at the reports of other runs',
  async ({ storage, open }) => {
    const text =
      'appliance: a\nrepository: {path: /b, encryption: none}\ncomponents: {files: {kind: files, paths: [/etc/x]}}\n';
    const { appliance } = parseConfiguration(text, 'lifeboat.yaml');
    await (await initRepository(storage, testKey)).repository.close();
    const counting = withFaults(storage);
    const repository = await open(counting);
    for (const type of ['rpoWatch', 'replicate']) await repository.putReport(type, 'one', { state: 'done' });
    await repository.putReport('fullBackup', 'older', { state: 'sealed', backup: '20260101_000000' });
    await utimes(storage.fileOf!(layout.report('fullBackup', 'older')), 0, 0);
    await repository.putReport('criticalBackup', 'newer', { state: 'failed' });
    await repository.putReport('restore', 'planned', { state: 'planned' });
    const { lastBackup, lastRestore } = await readCoverage(repository, appliance, new Date());
    expect([lastBackup?.state, lastRestore]).toEqual([{ status: 'failed' }, null]);
    const listed = counting.calls.filter((call) => call.startsWith('list reports/'));
    expect(listed).not.toContain('list reports/');
    expect(listed.filter((call) => /rpoWatch|replicate/.test(call))).toEqual([]);
  },
);

/** Calls of the method for keys below the prefix are answered once so many are under way: one after the other waits for ever. */
function heldUntil(storage: Storage, wanted: number, method: 'read' | 'putIfAbsent', prefix: string): Storage {
  const isEnough = Promise.withResolvers<void>();
  let begun = 0;
  return new Proxy(storage, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const call = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
      if (name !== method) return call;
      return async (key: string, ...others: unknown[]): Promise<unknown> => {
        if (!key.startsWith(prefix)) return call(key, ...others);
        begun += 1;
        if (begun === wanted) isEnough.resolve();
        await isEnough.promise;
        return call(key, ...others);
      };
    },
  });
}
