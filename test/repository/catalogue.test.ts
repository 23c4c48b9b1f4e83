import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { ComponentRecord } from '../../src/domain/recovery-point.ts';
import { encodeDocument } from '../../src/repository/document.ts';
import { openSecrets } from '../../src/repository/keys.ts';
import { layout } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { backUp, reserve, sealRecords, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';
import type { Backup } from './backup.ts';

const night = new Date('2026-11-22T02:00:00Z');

async function point(repository: Repository, time = night): Promise<Backup> {
  return backUp(repository, (writer) => writer.bytes('file', Buffer.from(time.toISOString())), { time });
}

describe('recovery points', () => {
  test("D7: a manifest has the documents' own fields, and every object it needs with path, size and SHA-256", async ({
    storage,
    repository,
  }) => {
    const { id, manifest } = await point(repository);
    expect(id).toBe('20261122_020000');
    const stored = JSON.parse(Buffer.from(await storage.read(layout.manifest(id))).toString()) as Record<
      string,
      unknown
    >;
    expect(Object.keys(stored)).toEqual([
      'timestamp',
      'datetime',
      'success',
      'backup_files',
      'total_size',
      'configuration',
      'lifeboat',
      'mac',
    ]);
    expect(stored).toMatchObject({ timestamp: id, datetime: '2026-11-22T02:00:00.000Z', success: true });
    expect(manifest.backup_files).toHaveLength(2);
    for (const { path, size, checksum, filename } of manifest.backup_files) {
      const bytes = await storage.read(path);
      expect(bytes.length).toBe(size);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(checksum);
      expect(path.endsWith(filename)).toBe(true);
    }
    expect(manifest.total_size).toBe(manifest.backup_files.reduce((sum, { size }) => sum + size, 0));
  });

  test('X6: two backups of one second get two ids, a retry of one run the same, and a closed intent stays taken', async ({
    repository,
  }) => {
    const first = await repository.reserve(night, 'run-1');
    expect(await repository.reserve(night, 'run-1')).toBe(first);
    const parallel = await Promise.all(['a', 'b', 'c'].map((owner) => repository.reserve(night, owner)));
    expect(new Set([first, ...parallel]).size).toBe(4);
    await repository.closeIntent(first);
    await repository.closeIntent(first);
    expect(await repository.reserve(night, 'run-9')).toBe('20261122_020004');
  });

  test('a sealed point never changes: sealing other content under its id is refused', async ({ repository }) => {
    const { id, record } = await point(repository);
    const other = await point(repository, new Date('2026-11-23T02:00:00Z'));
    await expect(sealRecords(repository, id, [other.record])).rejects.toMatchObject({ code: 'Precondition' });
    expect((await repository.findManifest(id)).lifeboat.components[0]?.indexId).toBe(record.indexId);
  });

  test('latest passes over incomplete, suspect, damaged, failed and quarantined points', async ({
    folder,
    repository,
  }) => {
    await expect(repository.findManifest('latest')).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('there is none') as string,
    });
    const days = ['16', '17', '18', '19', '20', '21'].map((day) => new Date(`2026-11-${day}T02:00:00Z`));
    const [good, failed, quarantined, damaged, suspect, incomplete] = await inTurn(days, async (time, index) => {
      const id = await reserve(repository, time);
      const writer = await repository.writeComponent({ backupId: id, componentId: 'files', blockSize: 65_536 });
      await writer.bytes('file', Buffer.from(id));
      const { indexId, files, bytes, storedBytes } = await writer.finish();
      const at = time.toISOString();
      await repository.seal({
        timestamp: id,
        configuration: {},
        body: {
          appliance: 'test',
          type: 'full',
          tool: 'test',
          startedAt: at,
          components: [
            {
              id: 'files',
              kind: 'files',
              host: 'main',
              indexId,
              files,
              bytes,
              storedBytes,
              capturedFrom: at,
              capturedUntil: at,
              quiescence: 'quiesced',
              suspect: index === 4,
              facts: {},
            },
          ],
          failures:
            index === 5 ? [{ component: 'redis', code: 'EngineUnavailable', message: 'it did not answer' }] : [],
          workflow: null,
        },
      });
      return id;
    });
    await repository.putProof(failed ?? '', { level: 'L1', state: 'verified' });
    await repository.putProof(failed ?? '', { level: 'L1', state: 'failed' });
    await repository.putProof(quarantined ?? '', { state: 'quarantined' });
    await writeFile(join(folder, 'repository', layout.manifest(damaged ?? '')), '{}');
    expect((await repository.findManifest('latest')).timestamp).toBe(good);
    expect((await repository.findManifest(suspect ?? '')).lifeboat.components[0]?.suspect).toBe(true);
    expect((await repository.findManifest(incomplete ?? '')).success).toBe(false);
    expect(await repository.listProofs(failed ?? '')).toMatchObject([{ state: 'verified' }, { state: 'failed' }]);
  });

  test('latest passes over a backup of chosen components, unless it holds what is asked for', async ({
    repository,
  }) => {
    const configuration = { components: { postgres: {}, models: {} } };
    const seal = async (day: string, held: readonly string[]): Promise<string> => {
      const id = await reserve(repository, new Date(`2026-11-${day}T02:00:00Z`));
      const at = `2026-11-${day}T02:00:00.000Z`;
      const components = await inTurn(held, async (component): Promise<ComponentRecord> => {
        const writer = await repository.writeComponent({ backupId: id, componentId: component, blockSize: 65_536 });
        await writer.bytes('file', Buffer.from(id));
        const { reusedFiles: _, ...written } = await writer.finish();
        const times = { capturedFrom: at, capturedUntil: at };
        const facts = { quiescence: 'quiesced', suspect: false, facts: {} } as const;
        return { id: component, kind: 'files', host: 'main', ...written, ...times, ...facts };
      });
      const body = {
        appliance: 'test',
        type: 'full',
        tool: 'test',
        startedAt: at,
        failures: [],
        workflow: null,
      } as const;
      await repository.seal({ timestamp: id, configuration, body: { ...body, components } });
      return id;
    };
    const latest = async (holding?: string[]) => (await repository.findManifest('latest', holding)).timestamp;
    const whole = await seal('22', ['postgres', 'models']);
    const chosen = await seal('23', ['postgres']);
    expect(await latest()).toBe(whole);
    expect(await latest(['postgres', 'models'])).toBe(whole);
    expect(await latest(['postgres'])).toBe(chosen);
    expect((await repository.findManifest(chosen)).timestamp).toBe(chosen);
    await expect(latest(['redis'])).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining(`${chosen} (without redis)`) as string,
    });
  });

  test('a prefix finds one point; none is NotFound, several are Ambiguous and named', async ({ repository }) => {
    await point(repository);
    await point(repository, new Date('2026-11-23T02:00:00Z'));
    expect((await repository.findManifest('20261123')).timestamp).toBe('20261123_020000');
    await expect(repository.findManifest('202611')).rejects.toMatchObject({
      code: 'Ambiguous',
      message: expect.stringContaining('20261122_020000, 20261123_020000') as string,
    });
    for (const selector of ['2025', 'oldest', '../x', ''])
      await expect(repository.findManifest(selector)).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('an authentic manifest of a newer format is FormatTooNew, in the list and as latest: no older point is taken in silence', async ({
    folder,
    storage,
    repository,
  }) => {
    await point(repository);
    const { id, manifest } = await point(repository, new Date('2026-11-23T02:00:00Z'));
    const newer = { ...manifest, lifeboat: { ...manifest.lifeboat, format: 2 } };
    const secrets = await openSecrets(storage, testKey, repository.id);
    const bytes = encodeDocument(layout.manifest(id), newer, secrets);
    await writeFile(join(folder, 'repository', layout.manifest(id)), bytes);
    await expect(repository.findManifest(id)).rejects.toMatchObject({ code: 'FormatTooNew' });
    await expect(repository.findManifest('latest')).rejects.toMatchObject({ code: 'FormatTooNew' });
    expect((await repository.listManifests())[0]).toMatchObject({
      timestamp: id,
      problem: expect.stringContaining('format 2') as string,
    });
  });

  test('one that only claims a newer format is damage: it keeps no older point from being found', async ({
    folder,
    repository,
  }) => {
    const { id } = await point(repository);
    const planted = '20271123_020000';
    await mkdir(join(folder, 'repository/manifests/2027/11/23'), { recursive: true });
    await writeFile(join(folder, 'repository', layout.manifest(planted)), '{"lifeboat":{"format":2}}');
    await expect(repository.findManifest(planted)).rejects.toMatchObject({ code: 'ManifestInvalid' });
    for (const selector of ['latest', 'newest']) expect((await repository.findManifest(selector)).timestamp).toBe(id);
    expect(await repository.listManifests()).toMatchObject([
      { timestamp: planted, problem: expect.stringContaining(layout.manifest(planted)) as string },
      { timestamp: id },
    ]);
  });

  test('a manifest that was taken away, or exchanged for an older one of itself, is noticed by its successor', async ({
    folder,
    storage,
    repository,
  }) => {
    const days = ['20', '21', '22'].map((day) => new Date(`2026-11-${day}T02:00:00Z`));
    const [first = '', second = '', third = ''] = await inTurn(
      days,
      async (time) => (await point(repository, time)).id,
    );
    expect((await repository.listManifests()).map(({ timestamp, problem }) => [timestamp, problem])).toEqual([
      [third, undefined],
      [second, undefined],
      [first, undefined],
    ]);
    const key = layout.manifest(second);
    const kept = await storage.read(key);
    await storage.remove(key);
    expect(await repository.listManifests()).toMatchObject([
      { timestamp: third },
      { timestamp: second, problem: expect.stringContaining('is gone') as string },
      { timestamp: first },
    ]);
    // Anybody can put a tombstone: what it holds, and a report, say that collection took the point.
    await storage.putIfAbsent(layout.tombstone(key), Buffer.from('{}'));
    expect((await repository.listManifests())[1]).toMatchObject({
      timestamp: second,
      problem: expect.stringContaining('is gone') as string,
    });
    await storage.remove(layout.tombstone(key));
    await storage.putIfAbsent(layout.tombstone(key), kept);
    expect((await repository.listManifests())[1]).toMatchObject({
      timestamp: second,
      problem: expect.stringContaining('is gone') as string,
    });
    await repository.putReport('retention', 'r', { removed: [{ place: 'repository', points: [second], bytes: 0 }] });
    expect((await repository.listManifests()).map(({ problem }) => problem)).toEqual([undefined, undefined]);
    await storage.remove(layout.tombstone(key));
    expect((await repository.listManifests())[1]).toMatchObject({
      timestamp: second,
      problem: expect.stringContaining('is gone') as string,
    });
    await storage.putIfAbsent(key, kept);
    await writeFile(join(folder, 'repository', layout.manifest(first)), kept);
    expect((await repository.listManifests()).at(-1)).toMatchObject({
      timestamp: first,
      problem: expect.any(String) as string,
    });
  });

  test('seal refuses a point whose object is gone, shorter, or was marked for removal meanwhile', async ({
    folder,
    storage,
    repository,
  }) => {
    const { record, manifest } = await point(repository);
    const pack = manifest.backup_files.find(({ path }) => path.startsWith('packs/'))?.path ?? '';
    await storage.putIfAbsent(layout.tombstone(pack), Buffer.from('{}'));
    const next = await reserve(repository);
    await expect(sealRecords(repository, next, [record])).rejects.toMatchObject({
      code: 'ObjectMissing',
      message: expect.stringContaining('marked for removal') as string,
    });
    await storage.remove(layout.tombstone(pack));
    await writeFile(join(folder, 'repository', pack), 'short');
    await expect(sealRecords(repository, next, [record])).rejects.toMatchObject({ code: 'ObjectCorrupt' });
    await storage.remove(pack);
    await expect(sealRecords(repository, next, [record])).rejects.toMatchObject({ code: 'ObjectMissing' });
    await expect(sealRecords(repository, next, [{ ...record, id: 'redis' }])).rejects.toMatchObject({
      code: 'ManifestInvalid',
    });
    expect(await repository.listManifests()).toHaveLength(1);
  });

  test('reports are kept under any run id, replaced by a second call, and listed', async ({ repository }) => {
    const id = 'fullBackup/appliance/2026-11-22T02:00:00Z';
    await repository.putReport('fullBackup', id, { state: 'running' });
    const key = await repository.putReport('fullBackup', id, { state: 'done' });
    expect(key).toMatch(/^reports\/fullBackup\/[A-Za-z0-9._-]+\.json$/);
    await repository.putReport('restore', 'r.1', { state: 'done' });
    expect(await repository.getReport('fullBackup', id)).toEqual({ state: 'done' });
    expect(await repository.getReport('fullBackup', 'other')).toBeUndefined();
    expect((await repository.listReports()).map(({ type, id: of }) => `${type} ${of}`).sort()).toEqual([
      `fullBackup ${id}`,
      'restore r.1',
    ]);
    expect(await repository.listReports('restore')).toHaveLength(1);
  });
});

async function inTurn<T, R>(items: readonly T[], run: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const [index, item] of items.entries()) results.push(await run(item, index));
  return results;
}
