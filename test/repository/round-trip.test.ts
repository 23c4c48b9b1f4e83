import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import type { IndexEntry } from '../../src/domain/entry.ts';
import { addTree, backUp, describeTree } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const blockSize = 64 * 1024;

/** Names that shells, globs, JSON and line readers trip over; one is not UTF-8. */
const names = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[a-z]{1,8}$/) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ' ',
      '-n',
      '*',
      '"',
      "'",
      '$(x)',
      'a\nb',
      'end\n',
      '\t',
      '\\',
      'ü',
      '日本',
      '...',
      '#x',
      '%s',
      '~',
      'con space',
      '\u{1f600}',
      'é',
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .string({ minLength: 1, maxLength: 12 })
      .filter((name) => !/[/\0]/.test(name) && name !== '.' && name !== '..' && name.isWellFormed()),
  },
);
const sizes = fc.oneof(
  fc.constantFrom(
    0,
    1,
    63,
    64,
    4095,
    blockSize - 1,
    blockSize,
    blockSize + 1,
    3 * blockSize,
    4 * 1024 * 1024,
    4 * 1024 * 1024 + 1,
    9_000_001,
  ),
  fc.nat(300_000),
);
const contents = fc.record({ size: sizes, seed: fc.nat(255), isRandom: fc.boolean() });
const nodes = fc.record({
  folders: fc.array(names, { maxLength: 3 }),
  name: names,
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('file' as const) },
    { weight: 1, arbitrary: fc.constantFrom('folder' as const, 'symlink' as const, 'hardlink' as const) },
  ),
  content: contents,
  mode: fc.constantFrom(0o600, 0o644, 0o755, 0o400, 0o4755),
  seconds: fc.integer({ min: 0, max: 4_000_000_000 }),
});
type Node = typeof nodes extends fc.Arbitrary<infer T> ? T : never;

describe('round trip', () => {
  test('X18: arbitrary trees come back: names, modes, times, links, holes, sizes around every boundary', async ({
    folder,
    repository,
  }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(nodes, { maxLength: 12 }), async (tree) => {
        const run = join(folder, randomBytes(4).toString('hex'));
        const source = join(run, 'source');
        await mkdir(source, { recursive: true });
        await plant(source, tree);
        const { record } = await backUp(repository, (writer) => addTree(writer, source), { blockSize });
        const target = join(run, 'target');
        await repository.materialize({ indexId: record.indexId, into: target });
        expect(await describeTree(target)).toEqual(await describeTree(source));
        await promisify(execFile)('chmod', ['-R', 'u+rwx', run]);
        await rm(run, { recursive: true });
      }),
      { numRuns: 25, interruptAfterTimeLimit: 20_000 },
    );
  });

  test('a name that is not UTF-8 keeps its bytes', async ({ folder, repository }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    const name = Buffer.from([0x66, 0xff, 0xfe, 0x0a]);
    await writeFile(Buffer.concat([Buffer.from(`${source}/`), name]), 'bytes');
    await link(Buffer.concat([Buffer.from(`${source}/`), name]), join(source, 'second'));
    const { record } = await backUp(repository, (writer) => addTree(writer, source));
    await repository.materialize({ indexId: record.indexId, into: join(folder, 'target') });
    expect(await describeTree(join(folder, 'target'))).toEqual(await describeTree(source));
  });

  test('a sparse file keeps its holes', async ({ folder, repository }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    const file = await open(join(source, 'sparse'), 'w');
    await file.write(Buffer.from('begin'), 0, 5, 0);
    await file.write(Buffer.from('middle'), 0, 6, 20_000_000);
    await file.truncate(40_000_000);
    await file.close();
    const { record } = await backUp(repository, (writer) => addTree(writer, source));
    await repository.materialize({ indexId: record.indexId, into: join(folder, 'target') });
    const restored = join(folder, 'target/sparse');
    expect((await readFile(restored)).equals(await readFile(join(source, 'sparse')))).toBe(true);
    expect((await stat(restored)).blocks * 512).toBeLessThan(1_000_000);
  });

  test('pushed files of any chunking come back, and a wrong announced size fails', async ({ folder, repository }) => {
    const content = randomBytes(9_300_000);
    const { record } = await backUp(repository, async (writer) => {
      for (const [path, end, step] of [
        ['large', content.length, 777_777],
        ['exact', 8 * 1024 * 1024, 1024 * 1024],
        ['small', 70_000, 9_999],
        ['one', 1, 1],
        ['empty', 0, 1],
      ] as const) {
        const file = await writer.open(
          { path, type: 'file', mode: 0o600, mtimeNs: '1700000000000000000', uid: 0, gid: 0 },
          end,
        );
        for (let at = 0; at < end; at += step) await file.write(content.subarray(at, Math.min(at + step, end)));
        await file.close();
      }
      await writer.bytes('.lifeboat/facts.json', Buffer.from('{"a":1}'));
    });
    await repository.materialize({ indexId: record.indexId, into: join(folder, 'target') });
    for (const [path, end] of [
      ['large', content.length],
      ['exact', 8 * 1024 * 1024],
      ['small', 70_000],
      ['one', 1],
      ['empty', 0],
    ] as const) {
      expect((await readFile(join(folder, 'target', path))).equals(content.subarray(0, end)), path).toBe(true);
    }
    await expect(stat(join(folder, 'target/.lifeboat'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(Buffer.from((await repository.readFile(record.indexId, '.lifeboat/facts.json')) ?? '').toString()).toBe(
      '{"a":1}',
    );
    expect(await repository.readFile(record.indexId, 'absent')).toBeUndefined();
    for (const sent of [9, 11]) {
      const attempt = backUp(repository, async (writer) => {
        const file = await writer.open({ path: 'x', type: 'file', mode: 0o600, mtimeNs: '0', uid: 0, gid: 0 }, 10);
        await file.write(Buffer.alloc(sent));
        await file.close();
      });
      await expect(attempt).rejects.toMatchObject({
        code: 'SourceChanged',
        message: expect.stringContaining('announced with 10 bytes') as string,
      });
    }
  });

  test('place sends entries elsewhere, also to an absolute path, and leaves others out', async ({
    folder,
    repository,
  }) => {
    const { record } = await backUp(repository, async (writer) => {
      await writer.bytes('data/a', Buffer.from('a'));
      await writer.bytes('tablespace/b', Buffer.from('b'));
      await writer.bytes('skip/c', Buffer.from('c'));
    });
    const place = ({ path }: IndexEntry): string | undefined =>
      path.startsWith('skip/')
        ? undefined
        : path.startsWith('tablespace/')
          ? join(folder, 'elsewhere', path)
          : path.replace('data/', 'moved/deep/');
    expect(await repository.materialize({ indexId: record.indexId, into: join(folder, 'target'), place })).toEqual({
      files: 2,
      bytes: 2,
      notes: [],
    });
    expect(await readFile(join(folder, 'target/moved/deep/a'), 'utf8')).toBe('a');
    expect(await readFile(join(folder, 'elsewhere/tablespace/b'), 'utf8')).toBe('b');
  });

  test('a file that changes while it is read is flagged, and never trusted as unchanged', async ({
    folder,
    repository,
  }) => {
    const path = join(folder, 'growing');
    await writeFile(path, randomBytes(30_000_000));
    const meta = { path: 'growing', type: 'file', mode: 0o600, mtimeNs: '0', uid: 0, gid: 0 } as const;
    let changed = false;
    const { record } = await backUp(repository, async (writer) => {
      const reading = writer.fromDisk(meta, path);
      // The chunks are read over many turns of the event loop; these writes fall in between.
      for (let cut = 0; cut < 10; cut += 1) await truncate(path, 29_000_000 - cut);
      ({ changedDuringRead: changed } = await reading);
    });
    expect(changed).toBe(true);
    const entries: IndexEntry[] = [];
    for await (const entry of repository.readIndex(record.indexId)) entries.push(entry);
    expect(entries).toMatchObject([{ changedDuringRead: true }]);
    expect(entries[0]).not.toHaveProperty('source');
  });

  test('a file that vanished or became a link is SourceChanged, one that may not be read PermissionDenied', async ({
    folder,
    repository,
  }) => {
    await writeFile(join(folder, 'secret'), 'x', { mode: 0o000 });
    await symlink('/etc/passwd', join(folder, 'link'));
    const meta = { path: 'x', type: 'file', mode: 0o600, mtimeNs: '0', uid: 0, gid: 0 } as const;
    for (const [name, code] of [
      ['absent', 'SourceChanged'],
      ['link', 'SourceChanged'],
      ['secret', 'PermissionDenied'],
    ] as const) {
      const attempt = backUp(repository, async (writer) => void (await writer.fromDisk(meta, join(folder, name))));
      await expect(attempt).rejects.toMatchObject({ code, message: expect.stringContaining(name) as string });
    }
  });
});

async function plant(root: string, tree: readonly Node[]): Promise<void> {
  const files: string[] = [];
  const finished: (() => Promise<void>)[] = [];
  for (const { folders, name, kind, content, mode, seconds } of tree) {
    const path = join(root, ...folders, name);
    try {
      await mkdir(dirname(path), { recursive: true });
      if (kind === 'folder') await mkdir(path);
      else if (kind === 'symlink') await symlink(`../${name} target`, path);
      else if (kind === 'hardlink') {
        const [first] = files;
        if (first !== undefined) await link(first, path);
      } else {
        await writeFile(path, content.isRandom ? randomBytes(content.size) : Buffer.alloc(content.size, content.seed), {
          flag: 'wx',
        });
        files.push(path);
        finished.push(async () => {
          await chmod(path, mode);
          await utimes(path, seconds, seconds + 0.123456);
        });
      }
    } catch (error) {
      // Two nodes of one name: the first stands, also where it is a link that leads nowhere.
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOENT'].includes(String(code))) throw error;
    }
  }
  for (const finish of finished) await finish();
}
