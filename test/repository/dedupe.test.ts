import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { foundFile, type FoundFile } from '../../src/drivers/files/found-file.ts';
import { readOwnersSync } from '../../src/drivers/files/owners.ts';
import { describeStep, walk } from '../../src/drivers/files/walk.ts';
import type { OpenOptions } from '../../src/repository/open.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { LookedAt } from '../../src/repository/writer/settled.ts';
import { addTree, backUp, describeTree } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';
import type { Backup, BackupOptions } from './backup.ts';

const megabyte = 1024 * 1024;

describe('what was stored is not stored again', () => {
  test('a second backup stores only the blocks that changed', async ({ folder, repository }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    await writeFile(join(source, 'large'), randomBytes(12 * megabyte));
    await writeFile(join(source, 'small'), randomBytes(50_000));
    const first = await capture(repository, source);
    const file = await open(join(source, 'large'), 'r+');
    await file.write('changed', 5 * megabyte);
    await file.close();
    const second = await capture(repository, source, { previous: first.record });
    expect(first.record.storedBytes).toBeGreaterThan(12 * megabyte);
    // One block of 64 KiB, table and index.
    expect(second.record.storedBytes).toBeLessThan(100_000);
    expect((await repository.check(second.manifest, {})).problems).toEqual([]);
    await repository.materialize({ indexId: second.record.indexId, into: join(folder, 'target') });
    expect(await describeTree(join(folder, 'target'))).toEqual(await describeTree(source));
  });

  test('equal blocks within one backup are stored once', async ({ folder, repository }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    const content = randomBytes(2 * megabyte);
    for (const name of ['a', 'b', 'c', 'd']) await writeFile(join(source, name), content);
    await writeFile(join(source, 'zeros'), Buffer.alloc(20 * megabyte));
    const { record } = await capture(repository, source);
    expect(record.bytes).toBe(28 * megabyte);
    expect(record.storedBytes).toBeLessThan(2.2 * megabyte);
    await repository.materialize({ indexId: record.indexId, into: join(folder, 'target') });
    expect(await describeTree(join(folder, 'target'))).toEqual(await describeTree(source));
  });

  test('an unchanged file is not read again: the process reads less than its size', async ({
    folder,
    settledRepository: repository,
  }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    const path = join(source, 'model');
    await writeFile(path, randomBytes(24 * megabyte));
    const first = await capture(repository, source);
    const before = await bytesRead();
    const second = await capture(repository, source, { previous: first.record });
    expect(second.reusedFiles).toBe(1);
    expect((await bytesRead()) - before).toBeLessThan(4 * megabyte);
    expect((await repository.check(second.manifest, {})).ok).toBe(true);
  });

  test('the rolling re-hash reads an unchanged file when its turn comes, and finds silent damage', async ({
    folder,
    storage,
    settledRepository: repository,
    open,
  }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    for (let file = 0; file < 8; file += 1) await writeFile(join(source, `file-${file}`), randomBytes(1000));
    const first = await capture(repository, source);
    const read: number[] = [];
    for (let part = 0; part < 4; part += 1) {
      const { reusedFiles } = await capture(repository, source, { previous: first.record, rehash: { part, parts: 4 } });
      read.push(8 - reusedFiles);
    }
    expect(read.reduce((sum, files) => sum + files, 0)).toBe(8);
    expect(storage.description).toContain(folder);
    expect((await open(storage)).encrypted).toBe(true);
  });

  test('small files whose turn has come are read together: one that was altered under its times is told and stored, the others store nothing', async ({
    folder,
    storage,
    repository: { id: expectedId },
    open,
  }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    const contents = Array.from({ length: 8 }, () => randomBytes(1000));
    for (const [number, content] of contents.entries()) await writeFile(join(source, `file-${number}`), content);
    const { repository, warnings } = await openSettled(open, storage, expectedId);
    const found = await foundIn(source);
    const first = await backUp(repository, async (writer) => {
      for (const [number, { entry, facts }] of found.entries()) {
        const identity = { ctimeNs: facts.ctimeNs, inode: facts.inode, attributes: true } as const;
        const file = await writer.open({ ...entry, source: identity }, facts.size);
        // Under the times that the disk tells.
        await file.write(number === 3 ? randomBytes(1000) : (contents[number] ?? Buffer.alloc(0)));
        await file.close();
      }
    });
    const second = await backUp(
      repository,
      async (writer) => {
        const files = found.map((file) => ({
          found: file,
          place: writer.place(),
          xattrs: undefined,
          hasAllAttributes: true,
        }));
        for (const file of files) expect(await writer.reuse(file.found, file.place)).toBeUndefined();
        const results = await writer.readFiles(files);
        expect(results).toEqual(
          found.map(({ facts: { inode } }) => ({ changedDuringRead: false, reused: false, inode })),
        );
      },
      { previous: first.record, rehash: { part: 0, parts: 1 } },
    );
    expect(warnings).toEqual([expect.stringContaining('file-3 has other content than at the last backup')]);
    const blocksOf = async (indexId: string): Promise<string[]> => {
      const blocks: string[] = [];
      for await (const entry of repository.readIndex(indexId))
        if (entry.type === 'file') blocks.push(JSON.stringify(entry.blocks));
      return blocks;
    };
    const before = await blocksOf(first.record.indexId);
    const after = await blocksOf(second.record.indexId);
    expect(after.filter((blocks) => !before.includes(blocks))).toHaveLength(1);
    await repository.materialize({ indexId: second.record.indexId, into: join(folder, 'target') });
    for (const [number, content] of contents.entries())
      expect((await readFile(join(folder, 'target', `file-${number}`))).equals(content)).toBe(true);
  });

  test('only trusted times count: a touched file is read again and stores nothing', async ({
    folder,
    settledRepository: repository,
  }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    const path = join(source, 'file');
    await writeFile(path, randomBytes(megabyte));
    const first = await capture(repository, source);
    await utimes(path, 1_700_000_000, 1_700_000_000);
    const second = await capture(repository, source, { previous: first.record });
    expect(second.reusedFiles).toBe(0);
    expect(second.record.storedBytes).toBeLessThan(10_000);
  });

  test('a file that may still be written without a trace in its times is read again, and so is one that an older version trusted', async ({
    folder,
    storage,
    repository: { id: expectedId },
    open,
  }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    const path = join(source, 'file');
    await writeFile(path, randomBytes(1000));
    const asked: LookedAt[] = [];
    const rule = { settled: false };
    const repository = await open(storage, undefined, {
      expectedId,
      isSettled: async (file) => {
        asked.push(file);
        return rule.settled;
      },
    });
    const begun = Date.now();
    const young = await capture(repository, source);
    const { dev, ctimeNs } = await lstat(path, { bigint: true });
    expect(asked).toMatchObject([{ device: `${dev}`, ctimeNs: `${ctimeNs}` }]);
    expect(asked[0]?.at).toBeGreaterThanOrEqual(begun);
    rule.settled = true;
    const again = await capture(repository, source, { previous: young.record });
    expect(again.reusedFiles).toBe(0);
    expect((await capture(repository, source, { previous: again.record })).reusedFiles).toBe(1);
  });

  test('a pack that is gone or marked for removal counts as absent: the next backup stores its blocks again', async ({
    folder,
    storage,
    settledRepository: repository,
  }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    const path = join(source, 'file');
    await writeFile(path, randomBytes(megabyte));
    const first = await capture(repository, source);
    const [pack] = first.manifest.backup_files.filter((file) => file.path.startsWith('packs/'));
    await storage.putIfAbsent(`tombstones/${pack?.path ?? ''}`, Buffer.from('{}'));
    const second = await capture(repository, source, { previous: first.record });
    expect(second.manifest.backup_files.map((file) => file.path)).not.toContain(pack?.path);
    const [again] = second.manifest.backup_files.filter((file) => file.path.startsWith('packs/'));
    await storage.remove(again?.path ?? '');
    const third = await capture(repository, source, { previous: second.record });
    expect(third.record.storedBytes).toBeGreaterThan(megabyte);
    expect((await repository.check(third.manifest, {})).ok).toBe(true);
  });

  test.for(['empty files', 'links'])(
    'a part of the previous index that rotted is not named again but stored again, and told: %s',
    async (kind, { folder, storage, repository: { id: expectedId }, open }) => {
      const source = join(folder, 'source');
      await mkdir(source);
      for (let entry = 0; entry < 2000; entry += 1) {
        const path = join(source, `entry-${String(entry).padStart(4, '0')}`);
        await (kind === 'links' ? symlink('../elsewhere', path) : writeFile(path, ''));
      }
      const { repository, warnings } = await openSettled(open, storage, expectedId);
      const first = await capture(repository, source);
      const packs = first.manifest.backup_files.filter(({ path }) => path.startsWith('packs/'));
      expect(packs).toHaveLength(1);
      const pack = join(folder, 'repository', packs[0]!.path);
      const bytes = await readFile(pack);
      // Every part is hit: how long one is depends on inode numbers and times, and the last is written anew by every backup.
      for (let at = 500; at < bytes.length; at += 500) bytes[at]! ^= 1;
      await chmod(pack, 0o600);
      await writeFile(pack, bytes);
      const second = await capture(repository, source, { previous: first.record });
      expect(warnings.join()).toContain('part of index');
      await repository.materialize({ indexId: second.record.indexId, into: join(folder, 'target') });
      expect(await describeTree(join(folder, 'target'))).toEqual(await describeTree(source));
    },
  );

  test('a damaged previous index only costs time, and is told', async ({ folder, storage, repository, open }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    await writeFile(join(source, 'file'), randomBytes(megabyte));
    const first = await capture(repository, source);
    await storage.remove(`indexes/${first.record.indexId}`);
    const warnings: string[] = [];
    const again = await open(storage, undefined, { onWarning: (message) => warnings.push(message) });
    const second = await capture(again, source, { previous: first.record });
    expect(warnings).toEqual([expect.stringContaining(first.record.indexId)]);
    expect((await repository.check(second.manifest, {})).ok).toBe(true);
  });
});

async function capture(repository: Repository, source: string, options: BackupOptions = {}): Promise<Backup> {
  return backUp(repository, (writer) => addTree(writer, source), options);
}

/** Trusts the times of files at once, and keeps what it warns of. */
async function openSettled(
  open: (storage: Storage, source: undefined, options: OpenOptions) => Promise<Repository>,
  storage: Storage,
  expectedId: string,
): Promise<{ readonly repository: Repository; readonly warnings: readonly string[] }> {
  const warnings: string[] = [];
  const onWarning = (message: string): void => void warnings.push(message);
  return {
    repository: await open(storage, undefined, { expectedId, isSettled: async () => true, onWarning }),
    warnings,
  };
}

async function foundIn(source: string): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (const step of walk({ component: 'files', roots: [source], exclude: [] })) {
    const each = describeStep(step, readOwnersSync());
    if (each.kind !== 'file') continue;
    const meta = { ...each.entry, path: each.entry.path.slice(source.length) };
    found.push(foundFile(meta, each.source, each.facts));
  }
  return found;
}

/** Bytes that this process read with system calls, threads included. */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}
