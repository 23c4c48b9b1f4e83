import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { storageContract } from '../contracts/storage.ts';
import { repositoryTest as test } from '../repository/fixture.ts';

storageContract('local', {
  open: createLocalStorage,
  module: new URL('../../src/storage/local/local-storage.ts', import.meta.url).href,
  factory: 'createLocalStorage',
});

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

  test('D6.1: a folder that refuses writes is PermissionDenied with its path', async ({ folder }) => {
    await chmod(folder, 0o500);
    const storage = createLocalStorage(join(folder, 'r'));
    await expect(storage.putIfAbsent('a', Buffer.from('x'))).rejects.toMatchObject({
      code: 'PermissionDenied',
      message: expect.stringContaining(folder) as string,
    });
    await chmod(folder, 0o700);
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
