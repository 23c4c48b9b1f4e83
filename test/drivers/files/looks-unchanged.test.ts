/** Files that other tools took for unchanged, or brought back otherwise: times set back, replaced by name, second names, holes. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { initRepository } from '../../../src/repository/init.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import { capture, contextOf, contractKey, token } from '../../contracts/driver-fixture.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { configOf, driverIn, swapIn } from './fixture.ts';

let folder: TemporaryFolder;
let repository: Repository;
let live: string;
beforeEach(async () => {
  folder = await temporaryFolder('looks-unchanged');
  // The times of a file are believed at once, as they are after a minute: the hardest case.
  ({ repository } = await initRepository(
    createLocalStorage(join(folder.path, 'repository')),
    { mode: 'key', key: contractKey },
    { isSettled: async () => true },
  ));
  live = join(folder.path, 'live');
  await mkdir(live);
});
afterEach(async () => {
  await repository.close();
  await folder.remove();
});

function driverOf(paths = [live]): Driver {
  return driverIn(folder.path, configOf(paths));
}

let restores = 0;
async function restore(driver: Driver, record: ComponentRecord): Promise<void> {
  restores += 1;
  const lock = new Date(Date.UTC(2026, 0, 1) + restores * 1000).toISOString();
  await swapIn(driver, repository, record, lock);
  await driver.commit(contextOf({ repository, record, token: token(5001, lock), staged: token(1001, lock) }));
}

async function look(root = live): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(root, { recursive: true })).sort()) {
    // What the swap leaves beside the paths.
    if (name.includes('lifeboat-')) continue;
    const facts = await lstat(join(root, name));
    found[name] = `${facts.mode.toString(8)} ${facts.size} ${facts.nlink} ${Math.round(facts.mtimeMs)} ${
      facts.isFile()
        ? createHash('sha256')
            .update(await readFile(join(root, name)))
            .digest('hex')
        : ''
    }`;
  }
  return found;
}

const old = 1_700_000_000;
async function plant(name: string, bytes: Buffer): Promise<void> {
  await writeFile(join(live, name), bytes);
  await utimes(join(live, name), old, old);
}

describe('other content with the same size and time', () => {
  for (const size of [10, 5000, 300_000, 3_000_000])
    test(`${size} bytes`, async () => {
      const names = [
        'in place',
        'by rename',
        'from outside with older times',
        'swapped a',
        'swapped b',
        'linked over',
        'mmap',
        'untouched',
      ];
      for (const name of names) await plant(name, randomBytes(size));
      const driver = driverOf();
      const first = await capture(driver, repository);
      expect((await capture(driver, repository, first)).facts).toMatchObject({ files: names.length });
      await plant('in place', randomBytes(size));
      await plant('.new', randomBytes(size));
      await rename(join(live, '.new'), join(live, 'by rename'));
      const outside = join(folder.path, 'outside');
      await writeFile(outside, randomBytes(size));
      await utimes(outside, old, old);
      await rename(outside, join(live, 'from outside with older times'));
      // Two files of the same size and time change places: nothing is written, and no time of modification moves.
      await rename(join(live, 'swapped a'), join(live, 'temporary'));
      await rename(join(live, 'swapped b'), join(live, 'swapped a'));
      await rename(join(live, 'temporary'), join(live, 'swapped b'));
      await plant('.other', randomBytes(size));
      await rm(join(live, 'linked over'));
      await link(join(live, '.other'), join(live, 'linked over'));
      await rm(join(live, '.other'));
      execFileSync('python3', [
        '-c',
        'import mmap,sys,os\nf=open(sys.argv[1],"r+b")\nm=mmap.mmap(f.fileno(),0)\nm[0:5]=b"XXXXX"\nm.flush()\nm.close()\nf.close()\nos.utime(sys.argv[1],(1700000000,1700000000))',
        join(live, 'mmap'),
      ]);
      const before = await look();
      const second = await capture(driver, repository, first);
      await rm(live, { recursive: true });
      await restore(driver, second);
      expect(await look()).toEqual(before);
    });
});

test('cp -al of the source and chmod between two captures', async () => {
  for (const [name, size] of [
    ['small', 10],
    ['large', 3_000_000],
  ] as const)
    await plant(name, randomBytes(size));
  await mkdir(join(live, 'deep'));
  await plant('deep/file', randomBytes(5000));
  const driver = driverOf();
  const first = await capture(driver, repository);
  const snapshot = join(folder.path, 'snapshot');
  execFileSync('cp', ['-al', live, snapshot]);
  await chmod(join(live, 'small'), 0o600);
  await chmod(join(live, 'deep'), 0o711);
  const before = await look();
  const second = await capture(driver, repository, first);
  // Through the other name, with its time set back.
  await writeFile(join(snapshot, 'large'), randomBytes(3_000_000));
  await utimes(join(snapshot, 'large'), old, old);
  const later = await look();
  const third = await capture(driver, repository, second);
  const bytesBefore = (await capture(driver, repository, third)).storedBytes;
  for (const [record, expected] of [
    [second, before],
    [third, later],
  ] as const) {
    await rm(live, { recursive: true });
    await restore(driver, record);
    const found = await look();
    // The other names lay outside: what comes back has one.
    expect(Object.values(found)).toEqual(
      Object.values(expected).map((text) => text.replace(/^(100\d+ \d+) 2 /, '$1 1 ')),
    );
  }
  expect(bytesBefore).toBeLessThan(3_000_000);
});

describe('holes', () => {
  test('leading, trailing, only holes, zeroes over the borders of blocks: the same bytes, and sparse again', async () => {
    const shapes: [string, number, [number, number][]][] = [
      ['only hole', 10 * 2 ** 20, []],
      ['only hole odd', 3 * 2 ** 20 + 1234, []],
      ['small hole', 4097, []],
      ['one byte hole', 1, []],
      ['leading', 9 * 2 ** 20, [[8 * 2 ** 20 + 17, 500]]],
      ['trailing', 9 * 2 ** 20 + 5, [[0, 500]]],
      ['last byte', 10 * 2 ** 20, [[10 * 2 ** 20 - 1, 1]]],
      [
        'middle',
        12 * 2 ** 20,
        [
          [0, 4096],
          [12 * 2 ** 20 - 4096, 4096],
        ],
      ],
      [
        'borders',
        20 * 2 ** 20,
        [
          [64 * 1024 - 3, 6],
          [1024 * 1024 - 1, 2],
          [4 * 2 ** 20 - 5, 10],
          [16 * 2 ** 20 - 1, 1],
        ],
      ],
      ['ends in written zeroes', 6 * 2 ** 20, [[5, 10]]],
      ['huge', 70 * 2 ** 20, [[35 * 2 ** 20 + 1, 3]]],
      ['small with hole', 200_000, [[100_000, 10]]],
    ];
    for (const [name, size, data] of shapes) {
      const file = await open(join(live, name), 'w');
      await file.truncate(size);
      for (const [at, length] of data)
        await file.write(Buffer.from(randomBytes(length).map((byte) => byte | 1)), 0, length, at);
      if (name === 'ends in written zeroes') await file.write(Buffer.alloc(2 ** 20), 0, 2 ** 20, size - 2 ** 20);
      await file.close();
      await utimes(join(live, name), old, old);
    }
    await plant('zeroes, not sparse', Buffer.alloc(5 * 2 ** 20));
    const driver = driverOf();
    const first = await capture(driver, repository);
    const before = await look();
    await restore(driver, first);
    expect(await look()).toEqual(before);
    // A hole filled and data punched, with time and size as before.
    execFileSync('fallocate', ['-p', '-o', '0', '-l', '4096', join(live, 'zeroes, not sparse')]);
    const file = await open(join(live, 'only hole'), 'r+');
    await file.write(Buffer.from('data'), 0, 4, 5_000_000);
    await file.close();
    await utimes(join(live, 'only hole'), old, old);
    await truncate(join(live, 'leading'), 100);
    await truncate(join(live, 'leading'), 9 * 2 ** 20);
    await utimes(join(live, 'leading'), old, old);
    await utimes(join(live, 'zeroes, not sparse'), old, old);
    const changed = await look();
    const second = await capture(driver, repository, first);
    await restore(driver, first);
    expect(await look()).toEqual(before);
    await restore(driver, second);
    expect(await look()).toEqual(changed);
  });
});

describe('second names', () => {
  test('one path of a link group alone; restored twice over what stands; groups over two paths', async () => {
    const [one, two] = [join(live, 'one'), join(live, 'two')];
    await mkdir(one);
    await mkdir(two);
    await writeFile(join(one, 'a'), 'shared');
    await link(join(one, 'a'), join(one, 'b'));
    await link(join(one, 'a'), join(two, 'c'));
    await writeFile(join(two, 'large'), randomBytes(3_000_000));
    await link(join(two, 'large'), join(one, 'z large'));
    await symlink('gone', join(one, 'dangling'));
    await link(join(one, 'dangling'), join(one, 'dangling too'));
    const driver = driverOf([one, two]);
    const record = await capture(driver, repository);
    // Names in another path, and those of links, come back as files and links of their own.
    const content = async (): Promise<Record<string, string>> =>
      Object.fromEntries(
        Object.entries(await look()).map(([name, text]) => [name, text.replace(/^(1[02]0\d+ \d+) \d /, '$1 ')]),
      );
    const before = await content();
    for (let round = 0; round < 2; round += 1) {
      await restore(driver, record);
      expect(await content(), `round ${round}`).toEqual(before);
      const inodes = await Promise.all(
        ['one/a', 'one/b', 'two/c'].map(async (name) => (await stat(join(live, name))).ino),
      );
      expect(inodes[1]).toBe(inodes[0]);
    }
    // Over a tree in which the names are other files by now, and the shared one was written through one name.
    await rm(join(one, 'b'));
    await writeFile(join(one, 'b'), 'another');
    await writeFile(join(two, 'c'), 'spoiled');
    await restore(driver, record);
    expect(await content()).toEqual(before);
    // A name alone has nothing to lead to: refused before anything is written.
    const part = async (name: string): Promise<string> => {
      const into = join(folder.path, `into-${name.replace('/', '-')}`);
      await repository.materialize({
        indexId: record.indexId,
        into,
        place: (entry) => (entry.path.endsWith(name) ? 'it' : undefined),
      });
      return readFile(join(into, 'it'), 'utf8');
    };
    await expect(part('one/b')).rejects.toMatchObject({ code: 'ManifestInvalid' });
    expect(await part('one/a')).toBe('shared');
    expect(await part('two/c')).toBe('shared');
  });

  test('a group loses or gains a name between captures', async () => {
    await plant('a', Buffer.from('first content'));
    await link(join(live, 'a'), join(live, 'b'));
    await link(join(live, 'a'), join(live, 'c'));
    const driver = driverOf();
    const first = await capture(driver, repository);
    await rm(join(live, 'a'));
    const second = await capture(driver, repository, first);
    const afterSecond = await look();
    await plant('a', Buffer.from('other content'));
    await rm(join(live, 'c'));
    await link(join(live, 'a'), join(live, 'c'));
    const third = await capture(driver, repository, second);
    const afterThird = await look();
    for (const [record, expected] of [
      [second, afterSecond],
      [third, afterThird],
    ] as const) {
      await restore(driver, record);
      expect(await look()).toEqual(expected);
    }
  });
});
