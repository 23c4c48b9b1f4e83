import { randomFillSync } from 'node:crypto';
import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { causes } from '../../src/domain/causes.ts';
import type { LifeboatError } from '../../src/domain/errors.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import type { Stray } from '../../src/storage/storage.ts';
import { litterFolder, storageContract } from '../contracts/storage.ts';
import { PackMemory } from '../../src/repository/threads/pack-memory.ts';
import { repositoryTest as test } from '../repository/fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

storageContract('local', {
  open: createLocalStorage,
  module: new URL('../../src/storage/local/local-storage.ts', import.meta.url).href,
  factory: 'createLocalStorage',
  litter: litterFolder,
});

const size = 5 * 2 ** 20;

describe('local storage', () => {
  test('objects are readable by their owner alone', async ({ folder }) => {
    const storage = createLocalStorage(join(folder, 'r'));
    await storage.putIfAbsent('keys/k.json', Buffer.from('{}'));
    expect((await stat(join(folder, 'r/keys/k.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'r/keys'))).mode & 0o777).toBe(0o700);
  });

  test('a replaced object also shows its newest bytes to people under its plain name', async ({ folder }) => {
    const storage = createLocalStorage(folder);
    await storage.putIfAbsent('RESTORE.md', Buffer.from('old'));
    await storage.replaceIf('RESTORE.md', (await storage.stat('RESTORE.md'))?.version ?? '', Buffer.from('new'));
    expect(await readFile(join(folder, 'RESTORE.md'), 'utf8')).toBe('new');
  });

  test('a folder that is to be made below one that somebody removed is made with it', async ({ folder }) => {
    const storage = createLocalStorage(folder);
    await storage.putIfAbsent('reports/a/1', Buffer.from('x'));
    await rm(join(folder, 'reports'), { recursive: true });
    expect(await storage.putIfAbsent('reports/b/1', Buffer.from('x'))).toBe('created');
  });

  test('what lies in the way of an object or of a folder is named, with what to do', async ({ folder }) => {
    const storage = createLocalStorage(folder);
    await mkdir(join(folder, 'leases/collection.json'), { recursive: true });
    await symlink('nowhere', join(folder, 'leases/init.json'));
    await writeFile(join(folder, 'packs'), 'no folder');
    const failures: unknown[] = [];
    for (const key of ['leases/collection.json', 'leases/init.json', 'packs/aa/1']) {
      const put = storage.putIfAbsent(key, Buffer.from('ours'));
      failures.push(await put.catch(({ code, message, hint }: LifeboatError) => [code, message, hint]));
    }
    const fault = (key: string, errno: string, command = ''): unknown[] => [
      'StorageFailed',
      `cannot create ${key} in local:${folder}: ${errno}`,
      `${causes.inTheWay.hint}${command}`,
    ];
    const away = (key: string): string => `: mv -n '${folder}/${key}' '${folder}/${key}.aside'`;
    expect(failures).toEqual([
      fault('leases/collection.json', 'EEXIST', away('leases/collection.json')),
      fault('leases/init.json', 'EEXIST', away('leases/init.json')),
      fault('packs/aa/1', 'ENOTDIR'),
    ]);
    // Of many at once it says which.
    await mkdir(join(folder, 'wal/a/b/c/d'), { recursive: true });
    const staged = await storage.stage('wal/a/b/c/d');
    await staged.append(Buffer.from('ours'));
    await expect(storage.commit([staged])).rejects.toMatchObject({
      hint: `${causes.inTheWay.hint}${away('wal/a/b/c/d')}`,
    });
  });

  test('what no key can name is passed over, and told to who asks; versions are read of what may be replaced alone', async ({
    folder,
  }) => {
    const storage = createLocalStorage(folder);
    for (const key of ['packs/aa/1', 'reports/a/1', 'restore.sh']) await storage.putIfAbsent(key, Buffer.from('ours'));
    for (const key of ['packs/aa/1', 'reports/a/1', 'restore.sh']) {
      await mkdir(join(folder, '.versions', key), { recursive: true });
      await writeFile(join(folder, '.versions', key, '7'), 'planted');
    }
    const read = async (key: string): Promise<string> => Buffer.from(await storage.read(key)).toString();
    expect(await read('packs/aa/1')).toBe('ours');
    expect(await read('restore.sh'), 'people run the file of this name').toBe('ours');
    expect(await read('reports/a/1'), 'that is how it is replaced').toBe('planted');
    const { version = '' } = (await storage.stat('restore.sh')) ?? {};
    expect(await storage.replaceIf('restore.sh', version, Buffer.from('newer'))).toBeDefined();
    expect(await readFile(join(folder, 'restore.sh'), 'utf8')).toBe('newer');
    // Names that no storage counts, and what is no file, are no versions.
    for (const name of ['0', '08', '99999999999999999999', '1e3'])
      await writeFile(join(folder, '.versions/reports/a/1', name), 'planted');
    await mkdir(join(folder, '.versions/reports/a/1/9'));
    expect(await read('reports/a/1')).toBe('planted');
    await rm(join(folder, '.versions/reports/a/1/7'));
    expect(await read('reports/a/1')).toBe('ours');
    const old = (await storage.stat('reports/a/1'))?.version ?? '';
    expect(await storage.replaceIf('reports/a/1', old, Buffer.from('newest'))).toBeDefined();
    expect(await read('reports/a/1')).toBe('newest');
    await mkdir(join(folder, 'packs/.Trash-0'));
    await symlink('1', join(folder, 'packs/aa/2'));
    const strays: Stray[] = [];
    const keys: string[] = [];
    for await (const { key } of storage.list('', (stray) => void strays.push(stray))) keys.push(key);
    expect(keys).toEqual(['packs/aa/1', 'reports/a/1', 'restore.sh']);
    expect(strays.map(({ path }) => path)).toEqual(['packs/.Trash-0/', 'packs/aa/2', '.versions/packs/']);
  });

  test('D6.1: a folder that refuses writes is PermissionDenied with its path', async ({ folder }) => {
    await chmod(folder, 0o500);
    const storage = createLocalStorage(join(folder, 'r'));
    await expect(storage.putIfAbsent('a', Buffer.from('x'))).rejects.toMatchObject({
      code: 'PermissionDenied',
      message: expect.stringContaining(folder) as string,
    });
    await chmod(folder, 0o700);
  });

  test.each([
    ['memory that begins at a page', async () => new PackMemory(size).take({})],
    ['any other memory', async () => Buffer.alloc(size)],
  ])('objects that are too large for the page cache are whole: %s', async (_name, memory) => {
    const folder = await temporaryFolder('direct');
    try {
      const storage = createLocalStorage(folder.path);
      // Neither the first part nor the whole is a multiple of what a disk takes at once.
      const [first, second] = [2 ** 21 + 4095, 2 ** 21 + 1];
      const bytes = await memory();
      randomFillSync(bytes);
      const staged = await storage.stage('packs/large');
      await staged.append(bytes.subarray(0, first));
      await staged.append(bytes.subarray(first, first + second));
      await storage.commit([staged]);
      expect((await readFile(join(folder.path, 'packs/large'))).equals(bytes.subarray(0, first + second))).toBe(true);
      const back = await memory();
      await storage.readInto('packs/large', 0, back.subarray(0, first + second));
      expect(back.subarray(0, first + second).equals(bytes.subarray(0, first + second))).toBe(true);
      await expect(storage.readInto('packs/large', 0, back)).rejects.toMatchObject({ code: 'ObjectCorrupt' });
    } finally {
      await folder.remove();
    }
  });

  test('a folder that was removed under a running process is made again', async ({ folder }) => {
    const storage = createLocalStorage(folder);
    await storage.putIfAbsent('a/b/one', Buffer.from('1'));
    await rm(join(folder, 'a'), { recursive: true });
    await expect(storage.putIfAbsent('a/b/two', Buffer.from('2'))).rejects.toMatchObject({ code: 'StorageFailed' });
    expect(await storage.putIfAbsent('a/b/two', Buffer.from('2'))).toBe('created');
  });

  test('foreign files in the folder are no objects: hidden names never show', async ({ folder }) => {
    await mkdir(join(folder, '.snapshot'));
    await writeFile(join(folder, '.snapshot/x'), 'x');
    const keys: string[] = [];
    for await (const { key } of createLocalStorage(folder).list('')) keys.push(key);
    expect(keys).toEqual([]);
  });
});
