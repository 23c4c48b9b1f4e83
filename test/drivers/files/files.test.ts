import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import {
  chmod,
  link,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rm,
  statfs,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FilesConfig } from '../../../src/domain/appliance.ts';
import { captureNotes, restoreNotes } from '../../../src/domain/capture-notes.ts';
import { leftOutPath, type FileEntry, type IndexEntry } from '../../../src/domain/entry.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { damagedRoots } from '../../../src/drivers/files/damage.ts';
import { factsPath } from '../../../src/drivers/files/facts.ts';
import { excluder } from '../../../src/drivers/files/exclude.ts';
import { isUnmounted, mountOf } from '../../../src/drivers/files/places.ts';
import { makeStaging } from '../../../src/drivers/swap/staging.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { broken, capture, contextOf, makeRepository, token } from '../../contracts/driver-fixture.ts';
import { enlarged } from '../../contracts/enlarged.ts';
import { doctored } from '../../support/doctored.ts';
import { takeGibibyte } from '../../support/full-disk.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { configOf, driverIn, swapIn } from './fixture.ts';

let folder: TemporaryFolder;
let repository: Repository;
let live: string;
beforeEach(async () => {
  folder = await temporaryFolder('files');
  repository = await makeRepository(join(folder.path, 'repository'));
  live = join(folder.path, 'live');
  await mkdir(live);
  await writeFile(join(live, 'plain'), 'plain');
});
afterEach(async () => {
  await repository.close();
  await folder.remove();
});

function driverOf(
  paths: readonly string[] = [live],
  exclude: readonly string[] = [],
  others: readonly FilesConfig[] = [],
): Driver {
  return driverIn(folder.path, configOf(paths, exclude), others);
}

async function restore(driver: Driver, record: ComponentRecord): Promise<void> {
  await swapIn(driver, repository, record);
}

async function entriesOf(record: ComponentRecord): Promise<IndexEntry[]> {
  const entries: IndexEntry[] = [];
  for await (const entry of repository.readIndex(record.indexId)) entries.push(entry);
  return entries;
}

describe('a path that lost what it had', () => {
  const uploads = (): string => join(live, '..', 'uploads');
  const upload = async (name: string): Promise<void> => writeFile(join(uploads(), name), 'an upload');
  const driver = (): Driver => driverOf([live, uploads()]);
  beforeEach(async () => {
    await mkdir(uploads());
    for (const name of ['1', '2', '3']) await upload(name);
  });

  /** The point of a time when that was a file system of its own. */
  async function mounted(mount = uploads()): Promise<ComponentRecord> {
    const places = [{ path: uploads(), mount, files: 3, lastFiles: 3 }];
    return doctored(repository, await capture(driver(), repository), {
      [factsPath]: (facts) => Buffer.from(JSON.stringify({ ...JSON.parse(facts.toString()), places })),
    });
  }

  test('its disk is not mounted: refused by backup and doctor, also where other or older files show in its place', async () => {
    const record = await mounted();
    for (const name of ['1', '2', '3']) await rm(join(uploads(), name));
    const text = `\`${uploads()}\` is not mounted: it was a file system of its own at the capture of ${record.capturedUntil}`;
    const refusal = { code: 'Precondition', message: expect.stringContaining(text) as string };
    await expect(capture(driver(), repository, record)).rejects.toMatchObject(refusal);
    await upload('4');
    for (const name of ['1', '2', '3']) {
      await upload(name);
      await utimes(join(uploads(), name), 1_700_000_000, 1_700_000_000);
    }
    await expect(capture(driver(), repository, record)).rejects.toMatchObject(refusal);
    expect(await driver().check({ repository, record })).toContainEqual(
      expect.objectContaining({
        level: 'fail',
        text: refusal.message,
        hint: expect.stringContaining('mount') as string,
      }),
    );
    // The disk is what is above the path.
    const above = await mounted(folder.path);
    await rm(uploads(), { recursive: true });
    await expect(capture(driver(), repository, above)).rejects.toThrow(
      `\`${uploads()}\`, which lies in \`${folder.path}\`, is not mounted`,
    );
    // Without the path, and then with it again.
    const without = await capture(driverOf(), repository, record);
    await mkdir(uploads());
    await capture(driver(), repository, without);
  });

  test('its data was moved to where the mount was, or restored: captured', async () => {
    const record = await mounted();
    await rm(join(uploads(), '1'));
    await upload('2');
    expect((await capture(driver(), repository, record)).facts).toMatchObject({ files: 3 });
    expect((await driver().check({ repository, record })).map(({ level }) => level)).not.toContain('fail');
  });

  test('it has no files any more: captured, and told in manifest, message, plan and doctor until it has some', async () => {
    const first = await capture(driver(), repository);
    expect(first.facts).not.toHaveProperty('emptied');
    for (const name of ['1', '2', '3']) await rm(join(uploads(), name));
    const second = await capture(driver(), repository, first);
    const told = '1 path without files, which had some before';
    expect(second).toMatchObject({ facts: { emptied: 1 }, newlyLeftOut: told });
    expect(captureNotes(second.facts)).toEqual([expect.stringContaining(told)]);
    expect(restoreNotes(second.facts)).toEqual([expect.stringContaining(told)]);
    expect(await driver().check({ repository, record: second })).toContainEqual(
      expect.objectContaining({ level: 'warn', text: expect.stringContaining('it had 3 files') as string }),
    );
    const third = await capture(driver(), repository, second);
    expect(third.facts).toMatchObject({ emptied: 1 });
    expect(third).not.toHaveProperty('newlyLeftOut');
    await upload('5');
    expect((await capture(driver(), repository, third)).facts).not.toHaveProperty('emptied');
  });

  test('where a path is mounted tells the device numbers; what shows below, or instead of, a mount is another one', async () => {
    const devices = new Map([
      ['/', 1n],
      ['/srv', 1n],
      ['/srv/disk', 2n],
      ['/srv/disk/a', 2n],
    ]);
    const deviceOf = async (path: string): Promise<bigint | undefined> => devices.get(path);
    const mounts = ['/', '/srv', '/srv/disk', '/srv/disk/a', '/srv/disk/a/absent'];
    expect(await Promise.all(mounts.map(async (path) => mountOf(path, deviceOf)))).toEqual([
      '/',
      '/',
      '/srv/disk',
      '/srv/disk',
      '/srv/disk',
    ]);
    const real = '/srv/disk/a';
    expect(isUnmounted('/srv/disk', { real, mount: '/' })).toBe(true);
    expect(isUnmounted('/srv/disk', { real, mount: '/srv' })).toBe(true);
    expect(isUnmounted('/srv/disk', { real, mount: '/srv/disk' })).toBe(false);
    expect(isUnmounted('/srv/disk', { real, mount: real })).toBe(false);
    // The path is a link that leads elsewhere now.
    expect(isUnmounted('/srv/disk', { real: '/srv/other', mount: '/' })).toBe(false);
    expect(isUnmounted('/', { real, mount: '/srv/disk' })).toBe(false);
  });
});

describe('fidelity', () => {
  test('D7: names that are no text, links, second names, empty folders, modes and times come back as they were', async () => {
    const odd = Buffer.concat([Buffer.from(`${live}/odd-`), Buffer.from([0xff, 0xfe]), Buffer.from('.txt')]);
    await writeFile(odd, 'odd');
    await mkdir(join(live, 'empty'));
    await chmod(join(live, 'empty'), 0o750);
    await link(join(live, 'plain'), join(live, 'second'));
    await symlink('../nowhere', join(live, 'dangling'));
    await chmod(join(live, 'plain'), 0o4640);
    await utimes(join(live, 'plain'), 1_700_000_000, 1_700_000_000);
    const driver = driverOf();
    const record = await capture(driver, repository);
    await rm(live, { recursive: true });
    await restore(driver, record);
    expect(await readFile(odd, 'utf8')).toBe('odd');
    expect(await readlink(join(live, 'dangling'))).toBe('../nowhere');
    const [plain, second, empty] = await Promise.all(
      ['plain', 'second', 'empty'].map((name) => lstat(join(live, name))),
    );
    expect(plain).toMatchObject({ ino: second?.ino, nlink: 2 });
    // Node gives times to the system as floating seconds: a microsecond is what survives.
    expect(plain?.mtimeMs).toBeCloseTo(1_700_000_000_000, 2);
    expect((plain?.mode ?? 0) & 0o7777).toBe(0o4640);
    expect((empty?.mode ?? 0) & 0o7777).toBe(0o750);
  });

  test('owners are recorded by number and by name', async () => {
    const entries = await entriesOf(await capture(driverOf(), repository));
    const user = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
    expect(entries.find((entry) => entry.path.endsWith('/plain'))).toMatchObject({ uid: process.getuid?.(), user });
  });

  test('sockets and pipes are left out and listed', async () => {
    execFileSync('mkfifo', [join(live, 'pipe')]);
    const server = createServer().listen(join(live, 'socket'));
    await once(server, 'listening');
    const record = await capture(driverOf(), repository);
    server.close();
    expect(record.facts).toMatchObject({ files: 1, leftOut: { socket: 1, 'named pipe': 1 } });
    const named = JSON.parse(
      Buffer.from((await repository.readFile(record.indexId, leftOutPath)) ?? []).toString(),
    ) as unknown;
    expect(named).toEqual([
      { path: join(live, 'pipe'), what: 'named pipe' },
      { path: join(live, 'socket'), what: 'socket' },
    ]);
  });

  test('F1: links stay links; what they lead to outside of the component is counted and named as not captured', async () => {
    const outside = join(folder.path, 'outside');
    await mkdir(join(outside, 'deep'), { recursive: true });
    await writeFile(join(outside, 'file'), 'not captured');
    const lost: readonly (readonly [name: string, text: string])[] = [
      ['folder', outside],
      ['by-folder', 'folder/deep'],
      ['file', '../outside/file'],
      // Out and back again: the link outside is not captured.
      ['around', '../outside/back'],
    ];
    await symlink(join(live, 'plain'), join(outside, 'back'));
    for (const [name, text] of lost) await symlink(text, join(live, name));
    await symlink(join(folder.path, 'not-mounted', 'data'), join(live, 'unmounted'));
    for (const [name, text] of [
      ['inside', join(live, 'plain')],
      ['absent', 'nowhere'],
      ['round', 'round'],
      ['masked', '/dev/null'],
      ['kernel', '/proc/self/mounts'],
      ['theirs', join(folder.path, 'theirs')],
    ] as const)
      await symlink(text, join(live, name));
    await mkdir(join(folder.path, 'theirs'));
    const other = { ...configOf([join(folder.path, 'theirs')]), id: 'other' };
    const record = await capture(driverOf([live], [], [other]), repository);
    expect(record.facts).toMatchObject({ leftOut: { 'outside link target': 4, 'missing link target': 1 } });
    const named = JSON.parse(
      Buffer.from((await repository.readFile(record.indexId, leftOutPath)) ?? []).toString(),
    ) as { path: string; what: string }[];
    expect(named.map(({ path }) => path).toSorted()).toEqual(
      [...lost.map(([name]) => name), 'unmounted'].map((name) => join(live, name)).toSorted(),
    );
    await rm(live, { recursive: true });
    await restore(driverOf(), record);
    expect(await readlink(join(live, 'by-folder'))).toBe('folder/deep');
  });

  test('F4: a path that could not be restored fails the backup at once, and both ends of it are told', async () => {
    // The system takes it; below the name of a staging folder it would not.
    const room = 4090 - live.length;
    const steps = Array.from({ length: Math.floor(room / 241) }, (_, index) => `${index}-`.padEnd(240, 'x'));
    await mkdir(join(live, ...steps, 'x'.repeat((room % 241) - 1)), { recursive: true });
    await expect(capture(driverOf(), repository)).rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringMatching(
        /^a path has 4090 bytes, at most \d{4} can be restored: `\/.{79} … .{60}`$/,
      ) as string,
    });
    expect((await capture(driverOf([live], ['5-*']), repository)).facts).toMatchObject({ files: 1 });
  });

  test('a configured path that is a link is captured by what it leads to, and restored by repointing it', async () => {
    const configured = join(folder.path, 'configured');
    await symlink('live', configured);
    const driver = driverOf([configured]);
    const record = await capture(driver, repository);
    await writeFile(join(live, 'plain'), 'changed');
    await restore(driver, record);
    expect(await readFile(join(configured, 'plain'), 'utf8')).toBe('plain');
    expect(await readFile(join(live, 'plain'), 'utf8')).toBe('changed');
    await driver.undo(contextOf({ repository, record, token: token(9001), staged: token(1001) }));
    expect(await readFile(join(configured, 'plain'), 'utf8')).toBe('changed');
  });

  test('safety copies and staging of a restore are never captured', async () => {
    const driver = driverOf([join(live, 'plain')]);
    const first = await capture(driver, repository);
    await restore(driver, first);
    expect((await readdir(live)).some((name) => name.includes('.lifeboat-aside-'))).toBe(true);
    const paths = (await entriesOf(await capture(driverOf([live]), repository))).map((entry) => entry.path);
    expect(paths.filter((path) => path.slice(live.length).includes('lifeboat'))).toEqual([]);
  });
});

describe('selection', () => {
  test('what is excluded is not captured, below it neither', async () => {
    await mkdir(join(live, 'cache', 'deep'), { recursive: true });
    await writeFile(join(live, 'cache', 'deep', 'a'), '');
    await writeFile(join(live, 'app.log'), '');
    const entries = await entriesOf(await capture(driverOf([live], ['cache', '*.log']), repository));
    expect(
      entries.map((entry) => entry.path.slice(live.length)).filter((path) => path !== '' && !path.startsWith('/.')),
    ).toEqual(expect.arrayContaining(['plain']));
    expect(entries.some((entry) => /cache|\.log/.test(entry.path))).toBe(false);
  });

  test.each([
    ['*.log', '/a/x.log', true],
    ['*.log', '/a/x.logs', false],
    ['b/*', '/a/b/c', true],
    ['b/*', '/a/b/c/d', false],
    ['b/**', '/a/b/c/d', true],
    ['/a/b', '/a/b', true],
    ['/a/b', '/a/bc', false],
    ['a.c', '/a/abc', false],
    ['cache/', '/a/cache', true],
  ])('the pattern %s leaves out %s: %s', (pattern, path, expected) => {
    expect(excluder([pattern])(path, '/a')).toBe(expected);
  });

  test('X16: a configured path that is absent, or a component without any file, is SourceEmpty', async () => {
    const gone = join(folder.path, 'gone');
    await expect(capture(driverOf([live, gone]), repository)).rejects.toMatchObject({
      code: 'SourceEmpty',
      message: expect.stringContaining(gone) as string,
    });
    await rm(join(live, 'plain'));
    await expect(capture(driverOf(), repository)).rejects.toMatchObject({ code: 'SourceEmpty' });
  });

  test('X18: an index that names a path outside of the configured ones is refused before anything is written', async () => {
    const record = await capture(driverOf(), repository);
    const narrow = driverOf([join(live, 'inner')]);
    await expect(narrow.stage(contextOf({ repository, record, token: token(1001) }))).rejects.toMatchObject({
      code: 'ManifestInvalid',
    });
    expect(await readdir(live)).toEqual(['plain']);
  });

  test('a path that was configured after the backup is left as it is', async () => {
    const record = await capture(driverOf(), repository);
    const later = join(folder.path, 'later');
    await writeFile(later, 'kept');
    await restore(driverOf([later, live]), record);
    expect(await readFile(later, 'utf8')).toBe('kept');
  });

  test('D3.7: a point without the first configured path is undone whole, and its commit names the safety copy', async () => {
    const record = await capture(driverOf(), repository);
    // Beside another folder than the rest: the first path decides where journal and lease lie.
    const later = join(folder.path, 'elsewhere', 'later');
    await mkdir(join(folder.path, 'elsewhere'));
    await writeFile(later, 'kept');
    await writeFile(join(live, 'plain'), 'changed');
    const driver = driverOf([later, live]);
    const undone = contextOf({ repository, record, token: token(9001), staged: token(1001) });
    await restore(driver, record);
    await driver.undo(undone);
    expect(await readFile(join(live, 'plain'), 'utf8')).toBe('changed');
    expect(await readFile(later, 'utf8')).toBe('kept');

    const next = (attempt: number) => token(attempt, '2026-01-02T00:00:00.000Z');
    await driver.stage(contextOf({ repository, record, token: next(1001) }));
    await driver.swap(contextOf({ repository, record, token: next(3001), staged: next(1001) }));
    const committed = contextOf({ repository, record, token: next(5001), staged: next(1001) });
    expect((await driver.commit(committed)).safetyCopies).toHaveLength(1);
    expect(await readFile(join(live, 'plain'), 'utf8')).toBe('plain');
  });
});

test('a folder is swapped as a whole: what is excluded in it goes aside with the rest, and an undo brings it back', async () => {
  await mkdir(join(live, 'models'));
  await writeFile(join(live, 'models', 'one.gguf'), 'weights');
  const driver = driverOf([live], ['models']);
  const record = await capture(driver, repository);
  await restore(driver, record);
  expect(await readdir(live)).toEqual(['plain']);
  await driver.undo(contextOf({ repository, record, token: token(9001), staged: token(1001) }));
  expect(await readFile(join(live, 'models', 'one.gguf'), 'utf8')).toBe('weights');
});

describe('room', () => {
  test('what a killed attempt staged makes room for the next one, where both do not fit', async () => {
    const driver = driverOf();
    const record = await capture(driver, repository);
    const leftover = await makeStaging(live, 'files', token(1001));
    const needBytes = await takeGibibyte(join(leftover, 'plain'));
    const claimed = enlarged(repository, needBytes);
    await driver.stage(contextOf({ repository: claimed, record, token: token(1002) }));
    await expect(lstat(leftover)).rejects.toThrow('ENOENT');
    expect(
      broken(await driver.validate(contextOf({ repository, record, token: token(2001), staged: token(1002) }))),
    ).toEqual([]);
  });

  test('D6.1: --replace-damaged deletes no path that can be read whole, not even beside one that is gone', async () => {
    const gone = join(folder.path, 'gone');
    await writeFile(gone, 'gone');
    const driver = driverOf([gone, live]);
    const record = await capture(driver, repository);
    await rm(gone);
    // Both sizes are claimed, not written: no disk has room for two such copies, and one such copy is live.
    await truncate(join(live, 'plain'), 2 ** 30);
    const { bavail, bsize } = await statfs(folder.path);
    const claimed = enlarged(repository, Math.ceil((bavail * bsize) / 2) + 2 ** 28);
    const stage = (replaceDamaged: boolean) =>
      driver.stage(contextOf({ repository: claimed, record, token: token(1001), replaceDamaged }));
    await expect(stage(false)).rejects.toMatchObject({ code: 'NoSpace' });
    await expect(stage(true)).rejects.toMatchObject({
      code: 'Precondition',
      message: `nothing is proven to be wrong with \`${gone}\`, \`${live}\``,
    });
    await chmod(join(live, 'plain'), 0);
    await expect(stage(true)).rejects.toMatchObject({ code: 'PermissionDenied' });
    expect(await readdir(live)).toEqual(['plain']);
  });

  test('a path whose bytes the disk does not give is damaged, one that reads whole or is gone is not', async () => {
    const config: FilesConfig = {
      id: 'files',
      kind: 'files',
      host: 'main',
      tier: 'critical',
      priority: 1,
      services: [],
      // The kernel answers EIO for the first bytes of a process's memory, as a disk does for a bad block.
      paths: ['/proc/self/mem', live, join(folder.path, 'gone')],
      exclude: [],
    };
    expect(await damagedRoots(config, new AbortController().signal)).toEqual(['/proc/self/mem']);
  });
});

describe('probe', () => {
  test('D6.5: changed content, mode, kind and absence are each named; content is never shown', async () => {
    for (const name of ['mode', 'kind', 'absent']) await writeFile(join(live, name), 'secret-canary');
    await symlink('plain', join(live, 'link'));
    const driver = driverOf();
    const record = await capture(driver, repository);
    await writeFile(join(live, 'plain'), 'PLAIN');
    await chmod(join(live, 'mode'), 0o777);
    await rm(join(live, 'kind'));
    await mkdir(join(live, 'kind'));
    await rm(join(live, 'absent'));
    await rm(join(live, 'link'));
    await symlink('mode', join(live, 'link'));
    await writeFile(join(live, 'additional'), 'written since');
    const faults = broken(await driver.probe(contextOf({ repository, record, token: token(4001) })));
    const named = Object.fromEntries(faults.map(({ name, actual }) => [name.slice(name.lastIndexOf('/') + 1), actual]));
    expect(named).toMatchObject({
      plain: expect.stringContaining('5 bytes of other content') as string,
      mode: expect.stringContaining('mode 0777') as string,
      absent: 'absent',
    });
    expect(named).toMatchObject({
      kind: expect.stringContaining('folder') as string,
      link: 'a link that leads elsewhere',
      live: '1 entries as captured',
    });
    expect(JSON.stringify(faults)).not.toMatch(/canary|PLAIN|[0-9a-f]{64}/);
  });
});

test('a set that stood still is a stable window; one that changed while it was read is not', async () => {
  expect(await capture(driverOf(), repository)).toMatchObject({ quiescence: 'stable-window' });
  const driver = driverOf();
  const backupId = await repository.reserve(new Date(), 'changing');
  const writer = await repository.writeComponent({ backupId, componentId: 'files', blockSize: driver.blockSize });
  const onProgress = (): void => execFileSync('touch', [join(live, 'came-meanwhile')]) as unknown as void;
  const facts = await driver.capture({
    writer,
    repository,
    backupId,
    onProgress,
    signal: new AbortController().signal,
  });
  await writer.abandon();
  expect(facts.quiescence).toBe('unproven');
});

test('what was written without a trace in the times of a file that was young at its capture is a change all the same', async () => {
  const driver = driverOf();
  const captured = await capture(driver, repository);
  const facts = await repository.readFile(captured.indexId, factsPath);
  // The same names and times, and what a mapping could have held at the capture.
  const asIf = async (content: string, source?: FileEntry['source']): Promise<boolean | undefined> => {
    const backupId = await repository.reserve(new Date(), `as if ${content}`);
    const writer = await repository.writeComponent({ backupId, componentId: 'files', blockSize: driver.blockSize });
    const path = join(live, 'plain').slice(1);
    const entry = { path, type: 'file', mode: 0o644, mtimeNs: '0', uid: 0, gid: 0 } as const;
    const file = await writer.open({ ...entry, ...(source === undefined ? {} : { source }) }, content.length);
    await file.write(Buffer.from(content));
    await file.close();
    await writer.bytes(factsPath, facts ?? Buffer.alloc(0));
    const { indexId } = await writer.finish();
    return driver.isAsCaptured?.(repository, { ...captured, indexId });
  };
  expect(await asIf('plain')).toBe(true);
  expect(await asIf('PLAIN')).toBe(false);
  const settled = { size: 5, mtimeNs: '0', ctimeNs: '0', inode: '0', writtenBack: true };
  expect(await asIf('PLAIN', settled)).toBe(true);
});
