import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { startS3 } from '../../src/dev/s3.ts';
import { initRepository } from '../../src/repository/init.ts';
import { layout } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { createS3Storage } from '../../src/storage/s3/s3-storage.ts';
import { withFaults } from '../support/faults.ts';
import { addTree, backUp, describeTree, testKey, type Backup } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const owner = { owner: 'test' };
const segment = { timeline: 1, startLsn: 0n, endLsn: 0x100000n };
const walSource = { component: 'pg', systemId: '7', segmentBytes: 0x100000 };

describe('a replica', () => {
  test('D2.6: is a repository of its own, from which everything can be restored when the first one is gone', async ({
    folder,
    repository,
    open,
  }) => {
    const { record, source } = await smallBackup(repository, folder);
    const wal = Buffer.alloc(0x100000, 'wal');
    await repository.wal(walSource).put(segment, wal, '2026-11-22T02:00:00Z');
    await repository.wal(walSource).putCoverage(1, { lsn: '0/1000000', time: '2026-11-22T02:00:00Z' });
    await repository.putReport('fullBackup', 'fullBackup/a/1', { state: 'sealed' });
    const target = createLocalStorage(join(folder, 'replica'));
    const result = await repository.replicateTo(target, owner);
    expect(result).toMatchObject({ points: [record.backupId], problems: [] });
    const replica = await open(target);
    expect(replica.id).toBe(repository.id);
    const [listing] = await replica.listManifests();
    expect(listing).toMatchObject({ timestamp: record.backupId });
    expect(await replica.check(listing!.manifest!, {})).toMatchObject({ ok: true });
    const into = join(folder, 'restored');
    await replica.materialize({ indexId: record.indexId, into });
    expect(await describeTree(into)).toEqual(await describeTree(source));
    expect((await replica.wal(walSource).read(segment)).bytes.equals(wal)).toBe(true);
    expect(await replica.wal(walSource).coverage(1)).toMatchObject({ lsn: '0/1000000' });
    expect(await replica.getReport('fullBackup', 'fullBackup/a/1')).toMatchObject({ state: 'sealed' });
  });

  test('is given only what it lacks, and follows what comes later', async ({ folder, repository, open }) => {
    const first = await smallBackup(repository, folder);
    const target = createLocalStorage(join(folder, 'replica'));
    const { bytes } = await repository.replicateTo(target, owner);
    expect(bytes).toBeGreaterThan(2 ** 20);
    expect(await repository.replicateTo(target, owner)).toMatchObject({ objects: 0, bytes: 0, points: [] });
    await writeFile(join(folder, 'source/new'), randomBytes(1000));
    const second = await backUp(repository, async (writer) => addTree(writer, join(folder, 'source')), {
      previous: first.record,
    });
    const later = await repository.replicateTo(target, owner);
    expect(later.points).toEqual([second.id]);
    expect(later.bytes).toBeLessThan(bytes / 10);
    const replica = await open(target);
    expect((await replica.findManifest('latest')).timestamp).toBe(second.id);
  });

  test('D6.1: a fault at any call there leaves no false recovery point, and the next try ends it', async ({
    folder,
    repository,
    open,
  }) => {
    const { id } = await smallBackup(repository, folder);
    await repository.wal(walSource).put(segment, Buffer.alloc(0x100000), '2026-11-22T02:00:00Z');
    const counted = withFaults(createLocalStorage(join(folder, 'counted')));
    await repository.replicateTo(counted, owner);
    for (let failAt = 1; failAt <= counted.calls.length; failAt += 1) {
      const place = createLocalStorage(join(folder, `replica-${failAt}`));
      const what = `call ${failAt}: ${counted.calls[failAt - 1] ?? ''}`;
      const when = failAt % 2 === 0 ? 'after' : 'before';
      await repository.replicateTo(withFaults(place, { failAt, when }), owner).catch(() => undefined);
      if ((await place.stat('repository.json')) !== undefined)
        expect(await soundPoints(await open(place)), what).toBe(true);
      await repository.replicateTo(place, owner);
      const replica = await open(place, testKey, { threads: 1 });
      expect(
        (await replica.listManifests()).map(({ timestamp }) => timestamp),
        what,
      ).toEqual([id]);
      expect(await soundPoints(replica), what).toBe(true);
      await replica.close();
    }
  });

  test('D2.7: damage is not spread: the point that needs it stays away, the others arrive', async ({
    folder,
    repository,
    open,
  }) => {
    const bad = await smallBackup(repository, folder);
    const pack = packOf(bad);
    const bytes = Buffer.from(await repository.storage.read(pack));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(join(folder, 'repository', pack), bytes);
    await writeFile(join(folder, 'other'), randomBytes(3000));
    const good = await backUp(repository, async (writer) => writer.bytes('other', randomBytes(3000)), {
      time: new Date(Date.now() + 5000),
    });
    const target = createLocalStorage(join(folder, 'replica'));
    const { points, problems } = await repository.replicateTo(target, owner);
    expect(points).toEqual([good.id]);
    expect(problems.join('\n')).toMatch(new RegExp(`${pack}[^]*recovery point ${bad.id} was not copied`));
    const replica = await open(target);
    expect(await replica.check(good.manifest, {})).toMatchObject({ ok: true });
    // The gap shows there as well.
    expect(await replica.listManifests()).toMatchObject([
      { timestamp: good.id },
      { timestamp: bad.id, problem: expect.stringContaining('is gone') as string },
    ]);
  });

  test('a pack that a verification found damaged there is replaced from the good one here', async ({
    folder,
    repository,
    open,
  }) => {
    const backup = await smallBackup(repository, folder);
    const target = createLocalStorage(join(folder, 'replica'));
    await repository.replicateTo(target, owner);
    const pack = packOf(backup);
    const bytes = Buffer.from(await target.read(pack));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(join(folder, 'replica', pack), bytes);
    const replica = await open(target);
    const { ok, damagedPacks } = await replica.check(backup.manifest, {});
    expect(ok).toBe(false);
    await replica.putProof(backup.id, { kind: 'verify', ok, state: 'failed', damagedPacks: [...damagedPacks] });
    await repository.replicateTo(target, owner);
    expect(await replica.check(backup.manifest, {})).toMatchObject({ ok: true });
  });

  test.for(['index', 'manifest'] as const)(
    '%s: what was damaged there is replaced from the good one here, an index once a verification has told it',
    async (what, { folder, repository, open }) => {
      const backup = await smallBackup(repository, folder);
      const target = createLocalStorage(join(folder, 'replica'));
      await repository.replicateTo(target, owner);
      const index = layout.index(backup.manifest.lifeboat.components[0]?.indexId ?? '');
      const key = what === 'index' ? index : layout.manifest(backup.id);
      const bytes = Buffer.from(await target.read(key));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await writeFile(join(folder, 'replica', key), bytes);
      const replica = await open(target);
      if (what === 'index') {
        await repository.replicateTo(target, owner);
        expect(await soundPoints(replica), 'nothing is looked for that nobody missed').toBe(false);
        await replica.putProof(backup.id, { kind: 'verify', ok: false, state: 'failed', damagedPacks: [] });
      }
      expect((await repository.replicateTo(target, owner)).objects).toBe(1);
      expect(await soundPoints(replica)).toBe(true);
      expect((await repository.replicateTo(target, owner)).objects, 'it is whole now').toBe(0);

      // Ours is the damaged one: what is there stays.
      await writeFile(join(folder, 'repository', key), bytes);
      await repository.replicateTo(target, owner).catch(() => undefined);
      expect(await soundPoints(replica)).toBe(true);
    },
  );

  test('another repository in the place is refused, and nothing of it changes', async ({
    folder,
    repository,
    open,
  }) => {
    await smallBackup(repository, folder);
    const target = createLocalStorage(join(folder, 'other'));
    const { repository: other } = await initRepository(target, testKey);
    onTestFinished(() => other.close());
    await expect(repository.replicateTo(target, owner)).rejects.toMatchObject({ code: 'RepositoryMismatch' });
    expect(await (await open(target)).listManifests()).toEqual([]);
  });

  test('two hosts that replicate at once end with one whole copy', async ({ folder, repository, open }) => {
    const { id } = await smallBackup(repository, folder);
    const place = join(folder, 'replica');
    const second = await open(createLocalStorage(join(folder, 'repository')));
    await Promise.all([
      repository.replicateTo(createLocalStorage(place), owner),
      second.replicateTo(createLocalStorage(place), { owner: 'another host' }),
    ]);
    const replica = await open(createLocalStorage(place));
    expect((await replica.findManifest('latest')).timestamp).toBe(id);
    expect(await soundPoints(replica)).toBe(true);
  });

  test('X7: in a bucket of S3 it is the same repository', async ({ folder, repository, open }) => {
    const server = await startS3({ directory: join(folder, 's3') });
    onTestFinished(() => server.stop());
    const target = createS3Storage({ ...server.settings, prefix: 'lifeboat/replica' });
    const { id, record, source } = await smallBackup(repository, folder);
    await repository.replicateTo(target, owner);
    const replica = await open(target);
    expect((await replica.findManifest('latest')).timestamp).toBe(id);
    const into = join(folder, 'restored');
    await replica.materialize({ indexId: record.indexId, into });
    expect(await describeTree(into)).toEqual(await describeTree(source));
  });
});

type SmallBackup = Backup & {
  readonly source: string;
  readonly record: Backup['record'] & { readonly backupId: string };
};

async function smallBackup(repository: Repository, folder: string): Promise<SmallBackup> {
  const source = join(folder, 'source');
  await mkdir(join(source, 'folder'), { recursive: true });
  await writeFile(join(source, 'folder/large'), randomBytes(2 ** 21));
  await writeFile(join(source, 'small'), 'small');
  const backup = await backUp(repository, async (writer) => addTree(writer, source));
  return { ...backup, source, record: { ...backup.record, backupId: backup.id } };
}

function packOf({ manifest }: Backup): string {
  return manifest.backup_files.find(({ path }) => path.startsWith('packs/'))?.path ?? '';
}

/** Whatever is listed is whole. */
async function soundPoints(repository: Repository): Promise<boolean> {
  for (const { manifest } of await repository.listManifests())
    if (manifest === undefined || !(await repository.check(manifest, {})).ok) return false;
  return true;
}
