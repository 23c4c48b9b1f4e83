/**
 * What every storage must do: local, SSH and S3 alike. Called in a test file of each:
 *
 *   storageContract('local', { open: createLocalStorage, module, factory: 'createLocalStorage', litter: litterFolder });
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ObjectInfo, Storage } from '../../src/storage/storage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

export interface StorageUnderTest {
  /** A new instance on the same place: what another process would see. */
  readonly open: (place: string) => Storage;
  /** Module and export that make the same storage in another process, given the place. */
  readonly module: string;
  readonly factory: string;
  /** The server removes leftovers by itself and lists none: `sweepStaged` finds nothing there. */
  readonly sweepsItself?: boolean;
  /** Puts an object there under each name, as others would who know nothing of keys. */
  readonly litter: (place: string, names: readonly string[]) => Promise<void>;
  /** Versions hold the time in whole seconds: a key that comes again within one may have an old version. */
  readonly coarseVersions?: boolean;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** For places that are folders of this machine. */
export async function litterFolder(place: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(place, name)), { recursive: true });
    await writeFile(join(place, name), 'x');
  }
}

export function storageContract(name: string, under: StorageUnderTest): void {
  /* oxlint-disable no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none. */
  const storageTest = test.extend<{ place: string; storage: Storage }>({
    place: async ({}, use) => {
      const folder = await temporaryFolder('storage');
      try {
        await use(join(folder.path, 'place'));
      } finally {
        await folder.remove();
      }
    },
    storage: async ({ place }, use) => use(under.open(place)),
  });
  /* oxlint-enable no-empty-pattern */

  describe(`storage contract: ${name}`, () => {
    storageTest(
      'a staged object is invisible until commit, then whole, for every reader',
      async ({ storage, place }) => {
        const staged = await storage.stage('packs/aa/one');
        await staged.append(bytes('first '));
        await staged.append(bytes('second'));
        expect(staged.size).toBe(12);
        expect(await storage.stat('packs/aa/one')).toBeUndefined();
        expect(await keysOf(storage)).toEqual([]);
        await storage.commit([staged]);
        const other = under.open(place);
        expect(Buffer.from(await other.read('packs/aa/one')).toString()).toBe('first second');
        expect(await keysOf(other)).toEqual(['packs/aa/one']);
      },
    );

    storageTest('commit of many is create-if-absent: a key that stands keeps its bytes', async ({ storage }) => {
      await storage.putIfAbsent('a/1', bytes('old'));
      const staged = await Promise.all(
        ['a/1', 'a/2', 'b/3'].map(async (key) => {
          const object = await storage.stage(key);
          await object.append(bytes(`new ${key}`));
          return object;
        }),
      );
      await storage.commit(staged);
      expect(
        await Promise.all(['a/1', 'a/2', 'b/3'].map(async (key) => Buffer.from(await storage.read(key)).toString())),
      ).toEqual(['old', 'new a/2', 'new b/3']);
      for (const object of staged) await object.discard();
      expect(await keysOf(storage)).toEqual(['a/1', 'a/2', 'b/3']);
    });

    storageTest('a discarded object leaves nothing, and may be discarded twice', async ({ storage }) => {
      const staged = await storage.stage('packs/aa/one');
      await staged.append(bytes('x'));
      await staged.discard();
      await staged.discard();
      expect(await keysOf(storage)).toEqual([]);
      expect(await storage.sweepStaged(0)).toBe(0);
    });

    storageTest(
      'of parallel creations of one key exactly one wins, and its bytes stand',
      async ({ storage, place }) => {
        for (let round = 0; round < 10; round += 1) {
          const key = `leases/round-${round}`;
          const writers = Array.from({ length: 8 }, (_, writer) => ({
            text: `writer ${writer} ${'x'.repeat(writer * 1000)}`,
            through: writer % 2 === 0 ? storage : under.open(place),
          }));
          const results = await Promise.all(writers.map(({ text, through }) => through.putIfAbsent(key, bytes(text))));
          expect(results.filter((result) => result === 'created')).toHaveLength(1);
          expect(Buffer.from(await storage.read(key)).toString()).toBe(writers[results.indexOf('created')]?.text);
        }
      },
    );

    storageTest(
      'of parallel replacements of one version exactly one wins; a stale version never does',
      async ({ storage, place }) => {
        await storage.putIfAbsent('leases/l', bytes('0'));
        let version = (await storage.stat('leases/l'))?.version ?? '';
        const first = version;
        for (let round = 1; round <= 10; round += 1) {
          const results = await Promise.all(
            Array.from({ length: 6 }, (_, writer) =>
              (writer % 2 === 0 ? storage : under.open(place)).replaceIf(
                'leases/l',
                version,
                bytes(`${round}.${writer}`),
              ),
            ),
          );
          const winners = results.filter((result) => result !== undefined);
          expect(winners).toHaveLength(1);
          const info = await storage.stat('leases/l');
          expect(info?.version).toBe(winners[0]);
          expect(Buffer.from(await under.open(place).read('leases/l')).toString()).toBe(
            `${round}.${results.findIndex((result) => result !== undefined)}`,
          );
          version = info?.version ?? '';
        }
        expect(await storage.replaceIf('leases/l', first, bytes('stale'))).toBeUndefined();
        expect(await keysOf(storage)).toEqual(['leases/l']);
      },
    );

    storageTest('replacing what is not there does nothing', async ({ storage }) => {
      expect(await storage.replaceIf('leases/none', '0', bytes('x'))).toBeUndefined();
      expect(await keysOf(storage)).toEqual([]);
    });

    storageTest('a reader never sees a torn object while it is replaced', async ({ storage, place }) => {
      const texts = ['a'.repeat(60_000), 'b'.repeat(90_000)];
      await storage.putIfAbsent('reports/r', bytes(texts[0] ?? ''));
      let isDone = false;
      const reading = (async () => {
        const reader = under.open(place);
        let seen = 0;
        while (!isDone || seen === 0) {
          expect(texts).toContain(Buffer.from(await reader.read('reports/r')).toString());
          seen += 1;
        }
      })();
      for (let round = 1; round <= 20; round += 1) {
        const info = await storage.stat('reports/r');
        expect(await storage.replaceIf('reports/r', info?.version ?? '', bytes(texts[round % 2] ?? ''))).toBeDefined();
      }
      isDone = true;
      await reading;
    });

    storageTest('list gives every object below a folder in key order, and nothing else', async ({ storage }) => {
      const keys = ['a.json', 'a/z', 'a/b/c', 'a-b/x', 'a0', 'B/y', 'manifests/2026/11/22/m.json', 'b_/1'];
      for (const key of keys) await storage.putIfAbsent(key, bytes(key));
      const staged = await storage.stage('a/staged');
      await staged.append(bytes('x'));
      expect(await keysOf(storage)).toEqual([...keys].sort());
      await staged.discard();
      expect(await keysOf(storage, 'a/')).toEqual(['a/b/c', 'a/z']);
      expect(await keysOf(storage, 'nothing/')).toEqual([]);
      const [info] = await collect(storage.list('a/b/'));
      expect(info).toMatchObject({ key: 'a/b/c', size: 5, version: (await storage.stat('a/b/c'))?.version });
      expect(Math.abs((info?.modifiedAt.getTime() ?? 0) - (await storage.now()).getTime())).toBeLessThan(60_000);
    });

    storageTest(
      'what has a name that no key can have is passed over, and told to who asks',
      async ({ storage, place }) => {
        for (const key of ['manifests/2026/m.json', 'z']) await storage.putIfAbsent(key, bytes(key));
        const names = [
          'manifests/2026/a (1).json',
          'manifests/2026/n\u00f6.json',
          'lost+found/x',
          'manifests/.DS_Store',
        ];
        await under.litter(place, names);
        expect(await keysOf(storage)).toEqual(['manifests/2026/m.json', 'z']);
        expect(await keysOf(storage, 'manifests/')).toEqual(['manifests/2026/m.json']);
        const told: string[] = [];
        for await (const { key } of storage.list('', ({ path }) => void told.push(path))) expect(key).toMatch(/^[mz]/);
        // A folder of a disk that can hold no object is told as a whole.
        const paths = told.map((path) => path.replace(/^lost\+found\/.*/, 'lost+found/'));
        expect(paths.sort()).toEqual([...names.slice(0, 2), 'lost+found/', 'manifests/.DS_Store'].sort());
      },
    );

    storageTest(
      'ranges are exact; a range beyond the end is ObjectCorrupt, an absent key ObjectMissing',
      async ({ storage }) => {
        await storage.putIfAbsent('o', bytes('0123456789'));
        expect(Buffer.from(await storage.read('o', { offset: 3, length: 4 })).toString()).toBe('3456');
        expect((await storage.read('o', { offset: 10, length: 0 })).length).toBe(0);
        const whole = await storage.read('o');
        expect(whole.buffer.byteLength).toBe(10);
        await expect(storage.read('o', { offset: 8, length: 4 })).rejects.toMatchObject({ code: 'ObjectCorrupt' });
        await expect(storage.read('absent')).rejects.toMatchObject({ code: 'ObjectMissing' });
        const into = Buffer.from(new SharedArrayBuffer(6));
        await storage.readInto('o', 2, into.subarray(1, 5));
        expect(into).toEqual(Buffer.from('\x002345\x00'));
        await expect(storage.readInto('o', 8, into)).rejects.toMatchObject({ code: 'ObjectCorrupt' });
        await expect(storage.readInto('absent', 0, into)).rejects.toMatchObject({ code: 'ObjectMissing' });
        expect(await storage.stat('absent')).toBeUndefined();
      },
    );

    storageTest('X18: a key that leaves the storage, or names its own files, is refused', async ({ storage }) => {
      for (const key of ['../x', '/x', 'a//b', 'a/../b', '.staging/x', 'a/.hidden', '', 'a/', 'ä', 'a\0b']) {
        await expect(storage.putIfAbsent(key, bytes('x'))).rejects.toMatchObject({ code: 'InputInvalid' });
        await expect(storage.read(key)).rejects.toMatchObject({ code: 'InputInvalid' });
        await expect(storage.remove(key)).rejects.toMatchObject({ code: 'InputInvalid' });
      }
    });

    storageTest(
      'remove takes every version away; an absent object is fine, and the key may be used again',
      async ({ storage }) => {
        await storage.putIfAbsent('a/b', bytes('1'));
        const version = (await storage.stat('a/b'))?.version ?? '';
        await storage.replaceIf('a/b', version, bytes('2'));
        await storage.remove('a/b');
        await storage.remove('a/b');
        expect(await storage.stat('a/b')).toBeUndefined();
        expect(await keysOf(storage)).toEqual([]);
        if (under.coarseVersions === true) await new Promise((resolve) => setTimeout(resolve, 1100));
        expect(await storage.putIfAbsent('a/b', bytes('3'))).toBe('created');
        expect(Buffer.from(await storage.read('a/b')).toString()).toBe('3');
        expect(await storage.replaceIf('a/b', version, bytes('4'))).toBeUndefined();
      },
    );

    storageTest('only staged leftovers older than the age are swept', async ({ storage, place }) => {
      const staged = await under.open(place).stage('packs/aa/left');
      // A small object may wait in memory and leave nothing behind.
      await staged.append(Buffer.alloc(21 * 2 ** 20));
      expect(await storage.sweepStaged(3600_000)).toBe(0);
      expect(await storage.sweepStaged(-1000)).toBe(under.sweepsItself === true ? 0 : 1);
      expect(await storage.sweepStaged(-1000)).toBe(0);
      await staged.discard();
    });

    storageTest('D2.4: it tells its clock and its space', async ({ storage }) => {
      expect(Math.abs((await storage.now()).getTime() - Date.now())).toBeLessThan(60_000);
      const space = await storage.space();
      if (space !== undefined) expect(space.totalBytes).toBeGreaterThan(space.freeBytes);
    });

    storageTest(
      'a writer killed with SIGKILL at any moment leaves each key whole or absent',
      async ({ storage, place }) => {
        const size = 300_000;
        for (let round = 0; round < 4; round += 1) {
          const child = spawn(
            process.execPath,
            [
              new URL('./storage-writer.ts', import.meta.url).pathname,
              under.module,
              under.factory,
              place,
              String(round),
              String(size),
            ],
            { stdio: ['ignore', 'pipe', 'inherit'] },
          );
          const exited = once(child, 'exit');
          // The child tells each commit that it begins: kill within one of them, a little later each round.
          await once(child.stdout, 'data');
          // Nothing is waited for: these are four different moments to die at.
          await new Promise((resolve) => setTimeout(resolve, round * 7));
          child.kill('SIGKILL');
          await exited;
          const objects = await collect(storage.list(`round-${round}/`));
          for (const { key, size: found } of objects) {
            expect(found).toBe(size);
            expect(Buffer.from(await storage.read(key)).equals(Buffer.alloc(size, key))).toBe(true);
          }
        }
        expect(await storage.sweepStaged(-1000)).toBeGreaterThanOrEqual(0);
      },
    );
  });
}

async function keysOf(storage: Storage, prefix = ''): Promise<string[]> {
  return (await collect(storage.list(prefix))).map(({ key }) => key);
}

async function collect(objects: AsyncIterable<ObjectInfo>): Promise<ObjectInfo[]> {
  const all: ObjectInfo[] = [];
  for await (const object of objects) all.push(object);
  return all;
}
