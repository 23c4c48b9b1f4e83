/** What comes, goes and becomes something else between the moment that it is listed and the moment that it is read. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { link, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IndexEntry } from '../../../src/domain/entry.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import { damagedRoots } from '../../../src/drivers/files/damage.ts';
import { createFilesDriver } from '../../../src/drivers/files/driver.ts';
import { factsPath, type FilesFacts } from '../../../src/drivers/files/facts.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { capture, makeRepository } from '../../contracts/driver-fixture.ts';
import { afterLook } from '../../support/after-look.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { walkHere } from '../../support/walk-here.ts';

let folder: TemporaryFolder;
let repository: Repository;
let live: string;
beforeEach(async () => {
  folder = await temporaryFolder('vanishing');
  repository = await makeRepository(join(folder.path, 'repository'));
  live = join(folder.path, 'live');
  await mkdir(live);
  await writeFile(join(live, 'stays'), 'stays');
});
afterEach(async () => {
  await repository.close();
  await folder.remove();
});

const common = { id: 'files', kind: 'files', host: 'main', tier: 'critical', priority: 1, services: [] } as const;
const configOf = (...paths: string[]) => ({ ...common, paths, exclude: [] });

/** Removes what is there, and makes something else of it. */
function exchange(path: string, make: () => void = () => undefined): void {
  rmSync(path, { recursive: true });
  make();
}

/** Captures while each path is changed just after it was looked at. */
async function captureWhile(
  changes: readonly (readonly [string, () => void])[],
  paths: readonly string[] = [live],
): Promise<ComponentRecord> {
  const stateDir = join(folder.path, 'state');
  const driver = createFilesDriver(configOf(...paths), {
    target: createProcessTarget(),
    stateDir,
    secret: async () => undefined,
    walkTree: walkHere,
  });
  // The estimate looks at everything, too.
  const capturing = { ...driver, estimate: async () => ({ bytes: 0 }) };
  return afterLook(new Map(changes), () => capture(capturing, repository));
}

/** Below the live folder, with types. */
async function namesOf({ indexId }: ComponentRecord): Promise<string[]> {
  const names: string[] = [];
  for await (const { path, type } of repository.readIndex(indexId) as AsyncIterable<IndexEntry>)
    if (!path.startsWith('.lifeboat')) names.push(`${type} ${`/${path}`.slice(live.length + 1)}`.trim());
  return names.toSorted();
}

async function vanishedOf({ indexId }: ComponentRecord): Promise<string[] | undefined> {
  const facts = JSON.parse(Buffer.from((await repository.readFile(indexId, factsPath)) ?? []).toString()) as FilesFacts;
  return facts.vanished?.map((path) => path.slice(live.length + 1));
}

describe('what goes below a configured path is no part of the capture, and no failure', () => {
  const at = (name: string): string => join(live, name);
  test.each<readonly [string, string, (path: string) => Promise<unknown>, (path: string) => void]>([
    ['a file that is removed', 'gone', (path) => writeFile(path, 'x'), (path) => exchange(path)],
    [
      'a file that becomes a folder',
      'gone',
      (path) => writeFile(path, 'x'),
      (path) => exchange(path, () => mkdirSync(path)),
    ],
    [
      'a file that becomes a link',
      'gone',
      (path) => writeFile(path, 'x'),
      (path) => exchange(path, () => symlinkSync('stays', path)),
    ],
    [
      'a file that becomes a pipe',
      'gone',
      (path) => writeFile(path, 'x'),
      (path) => exchange(path, () => void execFileSync('mkfifo', [path])),
    ],
    ['a folder that is removed', 'gone', (path) => mkdir(path), (path) => exchange(path)],
    [
      'a folder that becomes a file',
      'gone',
      (path) => mkdir(path),
      (path) => exchange(path, () => writeFileSync(path, 'x')),
    ],
    [
      'a folder that becomes a link to another one',
      'gone',
      (path) => mkdir(path),
      (path) => exchange(path, () => symlinkSync(folder.path, path)),
    ],
    ['a link that is removed', 'gone', (path) => symlink('stays', path), (path) => exchange(path)],
    [
      'a link that becomes a file',
      'gone',
      (path) => symlink('stays', path),
      (path) => exchange(path, () => writeFileSync(path, 'x')),
    ],
  ])('%s', async (_, name, make, change) => {
    await make(at(name));
    const record = await captureWhile([[at(name), () => change(at(name))]]);
    expect(await namesOf(record)).toEqual(['directory', 'file stays']);
    expect(record).toMatchObject({ quiescence: 'unproven', facts: { files: 1, vanishedDuringRead: 1 } });
    expect(await vanishedOf(record)).toEqual([name]);
  });

  test('a file whose folder becomes a file: the folder was there, and stands without it', async () => {
    await mkdir(at('folder'));
    await writeFile(at('folder/inner'), 'x');
    const change = (): void => exchange(at('folder'), () => writeFileSync(at('folder'), 'x'));
    const record = await captureWhile([[at('folder/inner'), change]]);
    expect(await namesOf(record)).toEqual(['directory', 'directory folder', 'file stays']);
    expect(await vanishedOf(record)).toEqual(['folder/inner']);
  });

  test('what nobody touches is a stable window, and nothing is said of it', async () => {
    const record = await captureWhile([]);
    expect(record.quiescence).toBe('stable-window');
    expect(record.facts).not.toHaveProperty('vanishedDuringRead');
    expect(await vanishedOf(record)).toBeUndefined();
  });

  test('the search for what a disk lost passes over it', async () => {
    await writeFile(at('gone'), 'x');
    const { signal } = new AbortController();
    const change = (): void => exchange(at('gone'), () => mkdirSync(at('gone')));
    const look = (): Promise<string[]> => damagedRoots(configOf(live), signal, walkHere);
    expect(await afterLook(new Map([[at('gone'), change]]), look)).toEqual([]);
  });
});

describe('a file with several names', () => {
  beforeEach(async () => {
    await writeFile(join(live, 'a'), 'content');
    for (const name of ['b', 'c']) await link(join(live, 'a'), join(live, name));
  });

  test('is captured under the next name where the first is gone, and the others lead there', async () => {
    const record = await captureWhile([[join(live, 'a'), () => exchange(join(live, 'a'))]]);
    expect(await namesOf(record)).toEqual(['directory', 'file b', 'file stays', 'hardlink c']);
    expect(await repository.readFile(record.indexId, join(live, 'b').slice(1))).toEqual(Buffer.from('content'));
    const into = join(folder.path, 'into');
    await repository.materialize({ indexId: record.indexId, into });
    expect(await readFile(join(into, live, 'c'), 'utf8')).toBe('content');
  });

  test('keeps its content where another file took the first name', async () => {
    await writeFile(join(folder.path, 'other'), 'of another file');
    const record = await captureWhile([
      [join(live, 'a'), () => renameSync(join(folder.path, 'other'), join(live, 'a'))],
    ]);
    expect(await namesOf(record)).toEqual(['directory', 'file a', 'file b', 'file stays', 'hardlink c']);
    const read = async (name: string): Promise<string> =>
      Buffer.from((await repository.readFile(record.indexId, join(live, name).slice(1))) ?? []).toString();
    expect([await read('a'), await read('b')]).toEqual(['of another file', 'content']);
    expect(record).toMatchObject({ quiescence: 'unproven', facts: { files: 3, changedDuringRead: 1 } });
  });

  test('is left out where all of its names are gone', async () => {
    const names = ['a', 'b', 'c'].map((name) => join(live, name));
    const record = await captureWhile([[join(live, 'c'), () => names.forEach((name) => exchange(name))]]);
    expect(await namesOf(record)).toEqual(['directory', 'file stays']);
    expect(record.facts).toMatchObject({ vanishedDuringRead: 3 });
  });
});

describe('a configured path that goes while it is read fails the capture', () => {
  test('a folder that is removed', async () => {
    await expect(captureWhile([[join(live, 'stays'), () => exchange(live)]])).rejects.toMatchObject({
      code: 'SourceEmpty',
    });
  });

  test('a folder that is exchanged, as by an unmounted disk', async () => {
    const unmount = (): void => {
      renameSync(live, join(folder.path, 'aside'));
      mkdirSync(live);
      writeFileSync(join(live, 'stays'), 'below the disk');
    };
    await expect(captureWhile([[join(live, 'stays'), unmount]])).rejects.toMatchObject({
      code: 'SourceChanged',
      message: `the configured path \`${live}\` was exchanged while it was read`,
    });
  });

  test('a file', async () => {
    const file = join(live, 'stays');
    await expect(captureWhile([[file, () => exchange(file)]], [file])).rejects.toMatchObject({ code: 'SourceChanged' });
  });

  test('a folder of which no file stayed until it was read', async () => {
    const file = join(live, 'stays');
    await expect(captureWhile([[file, () => exchange(file)]])).rejects.toMatchObject({
      code: 'SourceChanged',
      message: expect.stringContaining('stayed until it was read') as string,
    });
  });
});
