import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { formatLsn } from '../../../src/domain/lsn.ts';
import type { Manifest } from '../../../src/domain/recovery-point.ts';
import { LifeboatError } from '../../../src/domain/errors.ts';
import { checkSizes } from '../../../src/operations/verify/size-check.ts';
import { verifyPlace } from '../../../src/operations/verify/place.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { layout } from '../../../src/repository/layout.ts';
import { refutedReportOf } from '../../../src/repository/refutations.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import { openSecrets } from '../../../src/repository/keys.ts';
import { encodeManifest } from '../../../src/repository/manifest.ts';
import { backUp, reserve, sealRecords, testKey } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';
import { archiveIn, base, segment, segmentBytes } from '../wal/wal-base.ts';

const look = async (repository: Repository, day = 0) =>
  verifyPlace({
    repository,
    own: repository,
    place: 'repository',
    driver: async () => {
      throw new LifeboatError('NotFound', 'not configured');
    },
    now: new Date(day * 86_400_000),
    onProgress: () => undefined,
    signal: new AbortController().signal,
  });

test('D4.5: without any manifest the place fails in the guide\u2019s words', async ({ repository }) => {
  expect(await look(repository)).toMatchObject({ id: null, ok: false, problems: ['No backup manifest found'] });
});

test('D2.7: within a month every object is read again; damage refutes every point that needs it', async ({
  repository,
  folder,
}) => {
  const content = randomBytes(5000);
  const old = await backUp(repository, async (writer) => writer.bytes('a', content));
  const middle = await backUp(repository, async (writer) => writer.bytes('a', content), { previous: old.record });
  const newest = await backUp(repository, async (writer) => writer.bytes('b', randomBytes(5000)));
  let reread = 0;
  for (let day = 0; day < 30; day += 1) reread += (await look(repository, day)).reread;
  // Two packs and three indexes.
  expect(reread).toBe(5);
  const { path } = old.manifest.backup_files.find((file) => file.path.startsWith('packs/'))!;
  const file = join(folder, 'repository', path);
  const bytes = await readFile(file);
  bytes[100]! ^= 1;
  await rm(file);
  await writeFile(file, bytes);
  const looks = [];
  for (let day = 0; day < 30; day += 1) looks.push(await look(repository, day));
  expect(looks.flatMap(({ refuted }) => refuted).sort()).toEqual([old.id, middle.id].sort());
  expect(looks.filter(({ ok }) => !ok)).toHaveLength(1);
  expect(await repository.pointState(old.id)).toBe('failed');
  expect(await repository.pointState(newest.id)).not.toBe('failed');
  expect((await repository.findManifest('latest')).timestamp).toBe(newest.id);
});

test('D2.7, X16: a component that is a tenth of what it used to be fails, half of it is told', () => {
  const sized = (bytes: number, type = 'full'): Manifest =>
    ({ lifeboat: { type, components: [{ id: 'redis', bytes, suspect: false }] } }) as unknown as Manifest;
  const history = [sized(1e6), sized(1.1e6), sized(0.9e6)];
  expect(checkSizes(sized(1e6, 'critical'), history)).toEqual({ problems: [], notes: [] });
  expect(checkSizes(sized(4e5, 'critical'), history).notes).toEqual(['redis: 400 kB, usually 1.00 MB']);
  expect(checkSizes(sized(9e4), history).problems).toEqual([
    'redis: 90.0 kB, usually 1.00 MB: less than a tenth of it was captured',
  ]);
  expect(checkSizes(sized(1e3), history.slice(1)).problems).toEqual([]);
  expect(checkSizes(sized(1e6, 'full'), history).notes[0]).toContain('the guide expects 5.00 GB to 10.0 GB');
});

test('D2.7: days on which nobody looked are made up for; a damaged index and damaged WAL are named', async ({
  repository,
  folder,
}) => {
  const old = await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  await backUp(repository, async (writer) => writer.bytes('b', randomBytes(5000)));
  const archive = archiveIn(repository);
  await archive.put(segment(1, 7), Buffer.alloc(segmentBytes, 7), new Date().toISOString());
  const days = [0, 1, 4, 5, 30, ...Array.from({ length: 23 }, (_, day) => 31 + day)];
  let reread = 0;
  for (const day of days) reread += (await look(repository, day)).reread;
  expect(reread, '1 + 1 + 3 + 1 + 3 shares, and one for each of the other days').toBeGreaterThanOrEqual(5);
  const files = [old.manifest.backup_files.find(({ path }) => path.startsWith('indexes/'))!.path];
  for await (const { key } of repository.storage.list('wal/')) files.push(key);
  for (const path of files) {
    const file = join(folder, 'repository', path);
    const bytes = await readFile(file);
    bytes[bytes.length - 20]! ^= 1;
    await rm(file);
    await writeFile(file, bytes);
  }
  const looks = [];
  // The first look makes up for three days, the most; with 27 more each of the thirty shares is read once.
  for (let day = 60; day < 88; day += 1) looks.push(await look(repository, day));
  expect(looks.flatMap(({ problems }) => problems).sort()).toEqual(files.map((path) => `${path} is damaged`).sort());
  expect(looks.flatMap(({ refuted }) => refuted)).toEqual([old.id]);
});

test('D2.7: damaged WAL leaves the archive: its names show the hole, and a copy gets the whole piece again', async ({
  repository,
  folder,
  open,
}) => {
  await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  const archive = archiveIn(repository);
  for (const number of [7, 8, 9])
    await archive.put(segment(1, number), Buffer.alloc(segmentBytes, number), new Date().toISOString());
  const target = createLocalStorage(join(folder, 'copy'));
  await repository.replicateTo(target, { owner: 'test' });
  const damage = async (place: string, number: number): Promise<string> => {
    const found: string[] = [];
    for await (const { key } of repository.storage.list('wal/')) if (key.endsWith(`0${number}`)) found.push(key);
    const [key = ''] = found;
    const bytes = await readFile(join(folder, place, key));
    bytes[bytes.length - 20]! ^= 1;
    await writeFile(join(folder, place, key), bytes);
    return key;
  };
  const copy = await open(target);
  const inCopy = await damage('copy', 8);
  const ahead = await damage('repository', 9);
  for (const [place, broken] of [
    [repository, ahead],
    [copy, inCopy],
  ] as const) {
    const looks = [];
    for (let day = 0; day < 6; day += 1) looks.push(await look(place, day));
    expect(looks.flatMap(({ problems }) => problems).filter((text) => text.startsWith('wal/'))).toEqual([
      `${broken} is damaged`,
    ]);
    expect(await place.storage.stat(broken)).toBeUndefined();
    expect(await place.storage.stat(`damaged/${broken}`)).toBeDefined();
  }
  expect((await archive.list()).pieces).toHaveLength(2);
  await repository.replicateTo(target, { owner: 'test' });
  expect((await archiveIn(copy).read(segment(1, 8))).bytes).toEqual(Buffer.alloc(segmentBytes, 8));
  expect((await archiveIn(copy).list()).pieces).toHaveLength(3);
});

test('D2.7: a point to which archived WAL does not lead any more is refuted until it does, also where it is not the newest', async ({
  repository,
}) => {
  const archive = archiveIn(repository);
  const put = async (number: number) =>
    archive.put(segment(1, number), Buffer.alloc(segmentBytes, number), new Date().toISOString());
  for (const number of [5, 6, 7]) await put(number);
  const record = await base(repository, new Date(0), 5);
  const baseId = await reserve(repository);
  await sealRecords(repository, baseId, [record]);
  const sealChained = async (endSegment: number): Promise<string> => {
    const id = await reserve(repository);
    const endLsn = formatLsn(segment(1, endSegment).startLsn);
    const chain = { base: baseId, timeline: 1, endLsn, walBytes: segmentBytes, forecastSeconds: 1 };
    await sealRecords(repository, id, [{ ...record, chain }], [], 'incremental');
    return id;
  };
  const early = await sealChained(6);
  const late = await sealChained(8);
  await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  expect(await look(repository)).toMatchObject({ problems: [], refuted: [] });
  for await (const { key } of repository.storage.list('wal/'))
    if (key.endsWith('6')) await repository.storage.remove(key);
  expect(await look(repository, 1)).toMatchObject({
    ok: false,
    problems: [expect.stringMatching(new RegExp(`^${late}: pg: ObjectMissing: archived WAL leads .* to 0/600000 `))],
    refuted: [late],
  });
  expect(await repository.pointState(late)).toBe('failed');
  expect(await repository.pointState(early)).not.toBe('failed');
  expect(await look(repository, 2), 'told once').toMatchObject({ ok: true, refuted: [] });
  await put(6);
  await look(repository, 3);
  expect(await repository.pointState(late)).not.toBe('failed');
});

test('a record whose index is of another component is no proof of it', async ({ repository, folder }) => {
  const { id, record, manifest } = await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  const secrets = await openSecrets(repository.storage, testKey, repository.id);
  const renamed = { ...manifest, lifeboat: { ...manifest.lifeboat, components: [{ ...record, id: 'renamed' }] } };
  await writeFile(join(folder, 'repository', layout.manifest(id)), encodeManifest(renamed, secrets));
  expect((await look(repository)).problems).toEqual([
    `renamed: object ${layout.index(record.indexId)}: ManifestInvalid: the index is of component files`,
  ]);
});

test('a piece that is damaged here holds up nothing behind it on its way to a location', async ({
  repository,
  folder,
}) => {
  const archive = archiveIn(repository);
  for (const number of [7, 8])
    await archive.put(segment(1, number), Buffer.alloc(segmentBytes, number), new Date().toISOString());
  const keys: string[] = [];
  for await (const { key } of repository.storage.list('wal/')) keys.push(key);
  const file = join(folder, 'repository', keys[0] ?? '');
  await writeFile(file, (await readFile(file)).fill(7, 100, 200));
  const target = createLocalStorage(join(folder, 'copy'));
  const push = repository.walPusher(target);
  const { signal } = new AbortController();
  for (let round = 0; round < 2; round += 1) {
    expect(await push(signal), 'nobody relies on it').toMatchObject({ problem: { code: 'ObjectCorrupt' } });
    await expect(push(signal, keys), 'who relies on it goes on waiting').rejects.toMatchObject({
      code: 'ObjectCorrupt',
    });
    expect(await target.stat(keys[1] ?? '')).toBeDefined();
  }
  expect((await archive.list()).pieces).toHaveLength(2);
  for (let day = 0; day < 6; day += 1) await look(repository, day);
  expect((await archive.list()).pieces, 'its name promises nothing any more').toHaveLength(1);
  await push(signal);
});

test('D2.7: a manifest that cannot be read in a copy is told, and comes again', async ({
  repository,
  folder,
  open,
}) => {
  const { id } = await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  await backUp(repository, async (writer) => writer.bytes('b', randomBytes(5000)), {
    time: new Date(Date.now() + 5000),
  });
  const target = createLocalStorage(join(folder, 'copy'));
  await repository.replicateTo(target, { owner: 'test' });
  const file = join(folder, 'copy', layout.manifest(id));
  await writeFile(file, (await readFile(file)).fill(7, 50, 60));
  const copy = await open(target);
  expect((await look(copy)).refuted).toEqual([id]);
  await repository.replicateTo(target, { owner: 'test' });
  const again = await open(target);
  expect((await again.listManifests()).every(({ manifest }) => manifest !== undefined)).toBe(true);
  expect(await again.pointState(id)).toBe('failed');
  await look(again, 1);
  expect(await again.pointState(id), 'good again, by itself').not.toBe('failed');
});

test('many damaged pieces at once are a broken disk: they are told, and nothing moves', async ({
  repository,
  folder,
}) => {
  await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  const archive = archiveIn(repository);
  const small = { ...segment(1, 7) };
  const pieces = Array.from({ length: 25 }, (_, number) => ({
    ...small,
    startLsn: small.startLsn + BigInt(number * 1000),
    endLsn: small.startLsn + BigInt((number + 1) * 1000),
  }));
  for (const piece of pieces) await archive.put(piece, Buffer.alloc(1000, 7), new Date().toISOString());
  const keys: string[] = [];
  for await (const { key } of repository.storage.list('wal/')) keys.push(key);
  for (const key of keys) {
    const file = join(folder, 'repository', key);
    await writeFile(file, (await readFile(file)).fill(7, 60, 90));
  }
  await expect(repository.quarantineWal(keys)).rejects.toMatchObject({
    code: 'ObjectCorrupt',
    hint: expect.stringContaining('nothing was moved') as string,
  });
  expect((await archive.list()).pieces).toHaveLength(25);
  expect(await repository.quarantineWal(keys.slice(0, 3))).toHaveLength(3);
  expect((await archive.list()).pieces).toHaveLength(22);
});

test('a point that is not there yet, or of a newer version, is not refuted', async ({ repository, folder, open }) => {
  const first = await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  await backUp(repository, async (writer) => writer.bytes('b', randomBytes(5000)), {
    time: new Date(Date.now() + 5000),
  });
  const target = createLocalStorage(join(folder, 'copy'));
  await repository.replicateTo(target, { owner: 'test' });
  // On its way: what comes after it names it already.
  await rm(join(folder, 'copy', layout.manifest(first.id)));
  const copy = await open(target);
  expect((await copy.listManifests()).map(({ problem }) => problem !== undefined)).toEqual([false, true]);
  expect((await look(copy)).refuted).toEqual([]);
});

test('D2.7: within a month a flipped bit is found in each kind of document; what is only in the way leaves', async ({
  repository,
  folder,
}) => {
  const { id } = await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  const archive = archiveIn(repository);
  await archive.putCoverage(1, { lsn: '0/1000000', time: new Date().toISOString() });
  await archive.putHistory(2, '1\t0/8000000\tno recovery target specified\n', new Date().toISOString());
  await repository.putProof(id, { kind: 'verify', levels: ['L1'], ok: false, state: 'failed' });
  await repository.hold({ backupId: id, by: 'somebody', reason: 'why not' });
  await repository.putReport('fullBackup', 'fullBackup/a/b', { state: 'sealed', backup: id });
  const kept: string[] = [];
  const gone: string[] = [];
  for await (const { key } of repository.storage.list('')) {
    if (/^(packs|indexes|manifests|repository|RESTORE|restore)/.test(key)) continue;
    const bytes = await readFile(join(folder, 'repository', key));
    bytes[bytes.length >> 1]! ^= 1;
    await rm(join(folder, 'repository', key));
    await rm(join(folder, 'repository/.versions', key), { recursive: true, force: true });
    await writeFile(join(folder, 'repository', key), bytes);
    (/^(proofs|reports)|coverage/.test(key) ? gone : kept).push(key);
  }
  expect([kept.length, gone.length]).toEqual([5, 4]);
  const months: string[][] = [];
  for (let month = 0; month < 2; month += 1) {
    const told: string[] = [];
    for (let day = 0; day < 30; day += 1) {
      const { problems, ok } = await look(repository, 30 * month + day);
      if (problems.length > 0) expect(ok).toBe(false);
      told.push(...problems.filter((text) => text.endsWith(' is damaged')));
    }
    months.push(told.map((text) => text.replace(' is damaged', '')));
  }
  // WAL is read again within a week.
  expect([...new Set(months[0])].sort()).toEqual([...kept, ...gone].sort());
  expect([...new Set(months[1])].sort()).toEqual(kept.sort());
  for (const key of gone) expect(await repository.storage.stat(`damaged/${key}`), key).toBeDefined();
});

test('the place is not well while a sealed point is gone, or somebody else wrote its restore.sh', async ({
  repository,
  folder,
  open,
}) => {
  const first = await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  const last = await backUp(repository, async (writer) => writer.bytes('b', randomBytes(5000)), {
    time: new Date(Date.now() + 5000),
  });
  await repository.putReport('fullBackup', 'run', { state: 'sealed', backup: last.id });
  const target = createLocalStorage(join(folder, 'copy'));
  await repository.replicateTo(target, { owner: 'test' });
  expect(await look(repository)).toMatchObject({ id: last.id, ok: true, problems: [] });
  await rm(join(folder, 'repository', layout.manifest(last.id)));
  await writeFile(join(folder, 'repository/restore.sh'), '#!/bin/sh\n');
  const copy = await open(target);
  const common = { own: repository, now: new Date(), onProgress: () => undefined } as const;
  const signal = new AbortController().signal;
  const driver = async (): Promise<never> => {
    throw new LifeboatError('NotFound', 'not configured');
  };
  expect(await verifyPlace({ ...common, repository: copy, place: 'vault', driver, signal })).toMatchObject({
    id: last.id,
    ok: false,
    problems: [
      `${last.id}: gone from the repository, and held by vault`,
      expect.stringContaining('lifeboat backups recall') as string,
    ],
  });
  const here = await look(repository, 1);
  expect(here).toMatchObject({ id: first.id, ok: false });
  expect(here.problems).toEqual([
    expect.stringMatching(`recovery point ${last.id} is gone: reports/fullBackup/run.json says that it was sealed`),
    expect.stringContaining('lifeboat backups recall'),
    expect.stringContaining('restore.sh is not what any Lifeboat wrote'),
  ]);
  await repository.unexpire(last.id, 'me', [target]);
  expect((await look(repository, 2)).problems).toEqual([
    expect.stringContaining('restore.sh is not what any Lifeboat wrote'),
  ]);
});

test('a verification that failed counts by its report where proof and note of it are gone, until it is made again', async ({
  repository,
}) => {
  const { id } = await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  const last = await backUp(repository, async (writer) => writer.bytes('b', randomBytes(5000)), {
    time: new Date(Date.now() + 5000),
  });
  const run = `verifyBackup/a/${id}`;
  await repository.putProof(id, { kind: 'verify', levels: ['L1'], ok: false, state: 'failed' });
  await repository.putReport('verifyBackup', run, { state: 'failed', backup: id });
  await repository.putReport('verifyBackup', 'verifyBackup/a/not-made', { state: 'failed', backup: '' });
  await repository.putReport('verifyBackup', `verifyBackup/a/${last.id}`, { state: 'verified', backup: last.id });
  expect((await look(repository)).problems, 'it stands').toEqual([]);
  await repository.putProof(id, { kind: 'verify', levels: ['L1'], ok: true, state: 'verified' });
  for await (const { key } of repository.storage.list(layout.proofs(id))) await repository.storage.remove(key);
  for (const key of [layout.refutation(id), refutedReportOf(id)]) await repository.storage.remove(key);
  expect(await repository.pointState(id)).toBeUndefined();
  expect((await look(repository, 1)).problems).toEqual([`${run} found ${id} damaged, and the proof of it is gone`]);
  expect(await repository.pointState(id)).toBe('failed');
  // One of those that failed is looked at again each day.
  expect((await look(repository, 2)).problems).toEqual([]);
  expect(await repository.pointState(id)).toBe('verified');
});

test('a version that somebody put before a report goes aside, and the report is what it was', async ({
  repository,
  folder,
}) => {
  await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  const key = await repository.putReport('fullBackup', 'run', { state: 'failed' });
  await mkdir(join(folder, 'repository/.versions', key), { recursive: true });
  await writeFile(join(folder, 'repository/.versions', key, '7'), 'x');
  await expect(repository.getReport('fullBackup', 'run')).rejects.toMatchObject({ code: 'ObjectCorrupt' });
  expect(await repository.quarantineDocuments([key])).toEqual([key]);
  expect(await repository.getReport('fullBackup', 'run')).toEqual({ state: 'failed' });
});

test('a manifest that somebody planted leaves no trace as a lost point when it is taken away again', async ({
  repository,
  folder,
}) => {
  await backUp(repository, async (writer) => writer.bytes('a', randomBytes(5000)));
  const planted = layout.manifest('20990101_000000');
  await mkdir(join(folder, 'repository/manifests/2099/01/01'), { recursive: true });
  await writeFile(join(folder, 'repository', planted), '{}');
  expect(await look(repository)).toMatchObject({
    refuted: ['20990101_000000'],
    problems: [expect.stringContaining(planted) as string],
  });
  await rm(join(folder, 'repository', planted));
  expect(await look(repository, 1)).toMatchObject({ ok: true, problems: [] });
});
