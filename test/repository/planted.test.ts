/** Objects that somebody put under names of the repository: neither the archive nor a copy takes a name for what it stands for. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { WalPiece } from '../../src/domain/wal.ts';
import { archiveSource, endOfTimeline, historySource, salvagingSource } from '../../src/drivers/postgres/wal/source.ts';
import { archiveSalvaged } from '../../src/drivers/postgres/wal/salvage.ts';
import { soundStart } from '../../src/drivers/postgres/wal/sound-start.ts';
import { followWal } from '../../src/operations/wal/ship.ts';
import { layout } from '../../src/repository/layout.ts';
import type { Repository, WalArchive } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { waitFor } from '../support/wait-for.ts';
import { backUp } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

/** The smallest that PostgreSQL has. */
const segmentBytes = 0x100000;
const owner = { owner: 'test' };
const signal = new AbortController().signal;

const archiveIn = (repository: Repository): WalArchive =>
  repository.wal({ component: 'pg', systemId: '7', segmentBytes });

/** From and to in segments; by default a whole one. */
function piece(from: number, to = from + 1, timeline = 1): WalPiece {
  const [startLsn, endLsn] = [from, to].map((at) => BigInt(at * segmentBytes));
  return { timeline, startLsn: startLsn!, endLsn: endLsn! };
}

/** Of each place in the log another byte. */
function bytesOf({ startLsn, endLsn, timeline }: WalPiece): Buffer {
  const bytes = Buffer.alloc(Number(endLsn - startLsn));
  for (let at = 0; at < bytes.length; at += 1)
    bytes[at] = Number(((startLsn + BigInt(at)) * 7n + BigInt(timeline)) & 0xffn);
  return bytes;
}

async function put(archive: WalArchive, ...pieces: readonly WalPiece[]): Promise<void> {
  for (const each of pieces) await archive.put(each, bytesOf(each), '2026-11-22T02:00:00.000Z');
}

async function plant(folder: string, place: string, key: string, content: string | Uint8Array = 'x'): Promise<void> {
  const file = join(folder, place, key);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

test('F7: what stands damaged under a name is replaced by whoever has the bytes, and kept aside', async ({
  repository,
  folder,
  storage,
}) => {
  const archive = archiveIn(repository);
  for (const round of ['first', 'second']) {
    await plant(folder, 'repository', archive.keyOf(piece(3)), round);
    expect(await archive.put(piece(3), bytesOf(piece(3)), '')).toBe('stored');
    expect((await archive.read(piece(3))).bytes.equals(bytesOf(piece(3)))).toBe(true);
  }
  expect(Buffer.from(await storage.read(layout.damaged(archive.keyOf(piece(3))))).toString()).toBe('first');
  expect(await archive.put(piece(3), bytesOf(piece(3)), '')).toBe('stood');
  await expect(archive.put(piece(3), Buffer.alloc(segmentBytes), '')).rejects.toMatchObject({ code: 'WalConflict' });
  const history = layout.wal('pg', '7', 2, '00000002.history');
  await plant(folder, 'repository', history);
  expect(await archive.putHistory(2, '1\t0/300000\tbefore\n', '')).toBe('stored');
  expect(await archive.ancestors(2)).toHaveLength(1);
});

test('F7: a start relies on nothing that was not read; what is damaged leaves, and the slot is not told of it', async ({
  repository,
  folder,
  storage,
}) => {
  const archive = archiveIn(repository);
  await put(archive, piece(1), piece(2), piece(3, 3.25), piece(5), piece(6, 6.5));
  const planted = [piece(3), piece(4), piece(9)];
  for (const each of planted) await plant(folder, 'repository', archive.keyOf(each));
  const begin = async (restart: number) =>
    soundStart(archive, {
      pieces: (await archive.list()).pieces,
      serverTimeline: 1,
      history: [],
      restartLsn: piece(restart).startLsn,
      lookBack: true,
    });
  // The server has everything from 3.1 on: what was archived behind the hole counts only once that is filled.
  const { start, pieces, read } = await begin(3.125);
  expect(start).toEqual({ timeline: 1, startLsn: piece(3).startLsn, sealedTo: piece(3.25).startLsn });
  expect(pieces).toEqual([piece(1), piece(2), piece(3, 3.25), piece(5), piece(6, 6.5)]);
  expect(read).not.toContainEqual(piece(1));
  for (const each of planted) {
    expect(await storage.stat(archive.keyOf(each))).toBeUndefined();
    expect(await storage.stat(layout.damaged(archive.keyOf(each)))).toBeDefined();
  }
  // A new slot has forgotten all of it: the archive's end is looked for behind what is sound.
  await plant(folder, 'repository', archive.keyOf(piece(7)));
  expect((await begin(20)).start).toMatchObject({ sealedTo: piece(6.5).startLsn });
});

test('F7: a restore reads whatever is sound of a segment, and stops where what it needs is damaged', async ({
  repository,
  folder,
}) => {
  const archive = archiveIn(repository);
  await put(archive, piece(1), piece(2, 2.25), piece(2.25, 2.75), piece(3, 3.5));
  await put(archive, piece(4), piece(4, 4.5), piece(5));
  await plant(folder, 'repository', archive.keyOf(piece(2)));
  await plant(folder, 'repository', archive.keyOf(piece(4, 4.5)));
  await plant(folder, 'repository', archive.keyOf(piece(2, 2.5)));
  const { pieces } = await archive.list();
  const to = (position: bigint) => ({ from: 1, line: [{ timeline: 1, switchLsn: position }] });
  const segment = (number: number): string => `0000000100000000${number.toString(16).toUpperCase().padStart(8, '0')}`;
  const early = archiveSource(archive, pieces, to(piece(2.75).startLsn));
  const joined = await early(segment(2));
  expect(joined?.subarray(0, segmentBytes * 0.75).equals(bytesOf(piece(2, 2.75)))).toBe(true);
  expect(joined?.subarray(segmentBytes * 0.75).every((byte) => byte === 0)).toBe(true);
  const all = archiveSource(archive, pieces, to(endOfTimeline));
  await expect(all(segment(2)), 'less than the names promise is not given').rejects.toMatchObject({
    code: 'ObjectCorrupt',
    message: expect.stringContaining(archive.keyOf(piece(2))) as string,
  });
  expect((await all(segment(4)))?.equals(bytesOf(piece(4)))).toBe(true);
  // What the stopped server still has makes it good.
  await plant(folder, 'data/pg_wal', segment(2), liveSegment(2));
  const live = salvagingSource(archive, pieces, to(endOfTimeline), join(folder, 'data'));
  await expect(live(segment(2)), 'of another history').rejects.toMatchObject({ code: 'WalConflict' });
  await plant(folder, 'repository', archive.keyOf(piece(2, 2.25)));
  await plant(folder, 'repository', archive.keyOf(piece(2.25, 2.75)));
  expect((await live(segment(2)))?.equals(liveSegment(2))).toBe(true);
});

/** With the address of its first page. */
function liveSegment(number: number): Buffer {
  const bytes = bytesOf(piece(number));
  bytes.writeBigUInt64LE(piece(number).startLsn, 8);
  return bytes;
}

test('F7: nobody lengthens the archive by a name: what the server left is archived from the true end on', async ({
  repository,
  folder,
}) => {
  const archive = archiveIn(repository);
  await put(archive, piece(1), piece(2, 2.25));
  for (const each of [piece(2), piece(3), piece(7)]) await plant(folder, 'repository', archive.keyOf(each));
  const { pieces } = await archive.list();
  expect(await archive.withSoundEnds(pieces)).toEqual([piece(1), piece(2, 2.25)]);
  const source = async (): Promise<Buffer> => bytesOf(piece(2));
  const left = { timeline: 1, switchLsn: piece(2.5).startLsn, now: new Date() };
  expect(await archiveSalvaged(archive, source, left)).toBe(segmentBytes / 4);
  expect((await archive.read(piece(2.25, 2.5))).bytes.equals(bytesOf(piece(2.25, 2.5)))).toBe(true);
});

test('F7: a damaged history stops only a recovery that needs what it says, and its number stays taken', async ({
  repository,
  folder,
}) => {
  const archive = archiveIn(repository);
  const file = (timeline: number): string => `0000000${timeline}.history`;
  for (const timeline of [2, 3, 4]) await plant(folder, 'repository', layout.wal('pg', '7', timeline, file(timeline)));
  const along = (from: number, to: number) =>
    historySource(archive, { from, line: [{ timeline: to, switchLsn: endOfTimeline }] });
  expect(await along(1, 1)(file(2)), 'taken').toBeDefined();
  expect(await along(1, 1)(file(5)), 'free').toBeUndefined();
  expect(await along(2, 2)(file(2)), 'the base has its own').toBeUndefined();
  expect(await along(1, 3)(file(2)), 'a copy, which nobody needs').toBeUndefined();
  await expect(along(1, 3)(file(3))).rejects.toMatchObject({ code: 'ObjectCorrupt' });
});

test('F7: in a location a name does not count as arrived', async ({ repository, folder, open }) => {
  const archive = archiveIn(repository);
  await put(archive, piece(1), piece(2));
  const target = createLocalStorage(join(folder, 'copy'));
  const [first, second] = [archive.keyOf(piece(1)), archive.keyOf(piece(2))];
  await plant(folder, 'copy', first, 'of another size');
  const push = repository.walPusher(target);
  await push(signal);
  const copied = async (key: string): Promise<boolean> =>
    Buffer.from(await target.read(key)).equals(await repository.storage.read(key));
  expect(await copied(first)).toBe(true);
  expect(Buffer.from(await target.read(layout.damaged(first))).toString()).toBe('of another size');
  // One of the same size is met where somebody relies on it: what the slot is to forget.
  const { size } = (await target.stat(second))!;
  await plant(folder, 'copy', second, Buffer.alloc(size, 7));
  await push(signal);
  expect(await copied(second)).toBe(false);
  await repository.walPusher(target)(signal, [second]);
  expect(await copied(second)).toBe(true);

  const { id, manifest } = await backUp(repository, async (writer) => writer.bytes('a', Buffer.alloc(5000, 1)));
  const needed = [layout.manifest(id), ...manifest.backup_files.map(({ path }) => path)];
  for (const key of needed) await plant(folder, 'copy', key);
  const replicated = await repository.replicateTo(target, owner);
  expect(replicated).toMatchObject({ points: [id], problems: [] });
  const copy = await open(target);
  expect(await copy.check((await copy.findManifest('latest')) as typeof manifest, {})).toMatchObject({ ok: true });
  expect((await repository.replicateTo(target, owner)).objects).toBe(0);
  // What is damaged here is not spread, and what stands there in its place does not count.
  const other = await backUp(repository, async (writer) => writer.bytes('b', Buffer.alloc(5000, 2)));
  const pack = other.manifest.backup_files.find(
    ({ path }) => path.startsWith('packs/') && !needed.includes(path),
  )!.path;
  await plant(folder, 'copy', pack);
  await plant(folder, 'repository', pack);
  expect((await repository.replicateTo(target, owner)).points).toEqual([]);
  expect(await target.stat(layout.manifest(other.id))).toBeUndefined();
});

test('F7: the barrier of a location lets nothing pass that was not compared there', async ({ repository, folder }) => {
  const archive = archiveIn(repository);
  await put(archive, piece(1));
  const key = archive.keyOf(piece(1));
  const ours = await repository.storage.read(key);
  await repository.replicateTo(createLocalStorage(join(folder, 'copy')), owner);
  await plant(folder, 'copy', key, Buffer.alloc(ours.length, 7));
  // What nobody relies on holds nothing up, or the server would keep its log until its disk is full.
  await plant(folder, 'repository', archive.keyOf(piece(9)));
  const problems: string[] = [];
  const target = createLocalStorage(join(folder, 'copy'));
  const ending = new AbortController();
  const follower = followWal({
    repository,
    location: 'copy',
    target: async () => target,
    onProblem: (text) => void problems.push(text),
    signal: ending.signal,
  });
  const relied = performance.now();
  follower.sealed([key]);
  await waitFor(() => expect(follower.passedAt() ?? 0).toBeGreaterThan(relied));
  expect(Buffer.from(await target.read(key)).equals(ours)).toBe(true);
  expect(problems).toEqual([expect.stringContaining(archive.keyOf(piece(9)))]);
  ending.abort();
  await follower.ended;
});

test('F7: a key record that is damaged in a copy opens nothing: the whole one takes its place', async ({
  repository,
  folder,
  open,
}) => {
  const target = createLocalStorage(join(folder, 'copy'));
  await repository.replicateTo(target, owner);
  for await (const { key } of target.list(layout.keys)) await plant(folder, 'copy', key);
  await repository.replicateTo(target, owner);
  expect((await open(target)).id).toBe(repository.id);
});
