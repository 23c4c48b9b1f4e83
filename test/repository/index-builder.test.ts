/** How the lines of an index are cut into parts: so that most of them are those of the index before. */
import { describe, expect, test } from 'vitest';
import type { BlockRef, FileEntry, IndexEntry } from '../../src/domain/entry.ts';
import { digestOf } from '../../src/repository/document.ts';
import { IndexBuilder } from '../../src/repository/writer/index-builder.ts';

const meta = { mode: 0o644, uid: 0, gid: 0, mtimeNs: '1700000000000000000', type: 'file' } as const;
const entryOf = (path: string, blocks: readonly BlockRef[] = []): FileEntry => ({
  ...meta,
  path,
  size: blocks.reduce((sum, [, , , , plainLength]) => sum + plainLength, 0),
  blocks,
});
/** About 300 bytes a line, as those of real indexes. */
const named = (number: number): FileEntry =>
  entryOf(`folder-${Math.floor(number / 50)}/file-${number}`, [
    [0, number, 100, digestOf(Buffer.from(`${number}`)), 9],
  ]);

interface Built {
  readonly parts: readonly string[];
  /** Lines that stand in the index itself. */
  readonly inline: readonly string[];
  /** All in their order, parts expanded. */
  readonly all: readonly string[];
  readonly head: Awaited<ReturnType<Awaited<ReturnType<IndexBuilder['finish']>>>>['head'];
}

async function built(fill: (index: IndexBuilder) => Promise<void>): Promise<Built> {
  const parts: string[] = [];
  const index = new IndexBuilder(async (text) => {
    parts.push(text.toString());
    // Which part this is.
    return [[0, parts.length - 1, 1, digestOf(text), text.length]];
  });
  await fill(index);
  const { lines, head } = (await index.finish())('files', new Map());
  const inline = lines.filter((line) => line.startsWith('{'));
  const all = lines.flatMap((line) => {
    if (line.startsWith('{')) return [line];
    const [[, part = 0] = []] = JSON.parse(line) as readonly (readonly number[])[];
    return (parts[part] ?? '').slice(0, -1).split('\n');
  });
  return { parts, inline, all, head };
}

const inOrder = async (entries: readonly IndexEntry[]): Promise<Built> =>
  built(async (index) => {
    for (const entry of entries) index.put(index.take(), entry);
  });
const pathsOf = (lines: readonly string[]): string[] => lines.map((line) => (JSON.parse(line) as IndexEntry).path);
const many = Array.from({ length: 20_000 }, (_, number) => named(number));

describe('the lines of an index', () => {
  test('few stand in the index itself, without a part', async () => {
    const { parts, inline } = await inOrder(many.slice(0, 50));
    expect([parts.length, inline.length]).toEqual([0, 50]);
  });

  test('many stand in parts of whole lines, each within its bounds, and the index counts all', async () => {
    const { parts, inline, all, head } = await inOrder(many);
    expect(parts.length).toBeGreaterThan(5);
    for (const [at, part] of parts.entries()) {
      expect(part.endsWith('\n')).toBe(true);
      if (at < parts.length - 1) expect(part.length).toBeGreaterThanOrEqual(64 * 1024);
      expect(part.length).toBeLessThan(1024 * 1024 + 1000);
    }
    expect(inline.join('\n').length).toBeLessThan(32 * 1024);
    expect(pathsOf(all)).toEqual(many.map(({ path }) => path));
    expect(head).toMatchObject({ component: 'files', entries: 20_000, files: 20_000, blocks: 20_000, bytes: 180_000 });
  });

  test('the same lines give the same parts, and one that is added, changed or taken away moves next to nothing', async () => {
    const before = new Set((await inOrder(many)).parts);
    expect(new Set((await inOrder(many)).parts)).toEqual(before);
    const newParts = async (entries: readonly IndexEntry[]): Promise<number> =>
      (await inOrder(entries)).parts.filter((part) => !before.has(part)).length;
    for (const at of [0, 1, 999, 5000, 10_000, 15_000, 19_999]) {
      const [head, tail] = [many.slice(0, at), many.slice(at + 1)];
      const old = many.slice(at, at + 1);
      expect([at, await newParts([...head, ...old, entryOf('another'), ...tail])]).toEqual([
        at,
        expect.toBeOneOf([1, 2]),
      ]);
      expect([at, await newParts([...head, entryOf('another'), ...tail])]).toEqual([at, expect.toBeOneOf([1, 2])]);
      expect([at, await newParts([...head, ...tail])]).toEqual([at, expect.toBeOneOf([0, 1, 2])]);
    }
  });

  test('stand in the order of their places, whenever each was put there, and without those that were given up', async () => {
    const entries = many.slice(0, 3000);
    const { all, head } = await built(async (index) => {
      const places = entries.map((entry) => ({ entry, place: index.take() }));
      // Every third waits for the end, backwards.
      const late = places.filter((_, at) => at % 3 === 0).reverse();
      for (const [at, { entry, place }] of places.entries()) {
        if (at % 3 === 1) index.put(place, entry);
        if (at % 3 === 2) index.giveUp(place);
      }
      for (const { entry, place } of late) index.put(place, entry);
    });
    expect(pathsOf(all)).toEqual(entries.filter((_, at) => at % 3 !== 2).map(({ path }) => path));
    expect(head.entries).toBe(2000);
  });

  test('one that is larger than any part stands in a part of its own end', async () => {
    const refs = Array.from({ length: 40_000 }, (_, at): BlockRef => [0, at, 100, digestOf(Buffer.from('x')), 1]);
    const huge = entryOf('huge', refs);
    const entries = [...many.slice(0, 100), huge, ...many.slice(100, 300)];
    const { parts, all } = await inOrder(entries);
    expect(pathsOf(all)).toEqual(entries.map(({ path }) => path));
    expect(Math.max(...parts.map((part) => part.length))).toBeGreaterThan(2 ** 21);
    expect(JSON.parse(all[100] ?? '')).toEqual(huge);
  });

  test('those of the reserved folder stand in the index itself, at its end', async () => {
    const reserved = entryOf('.lifeboat/facts.json');
    const { inline, all } = await inOrder([...many.slice(0, 10), reserved, ...many.slice(10, 3000)]);
    expect(pathsOf(inline.slice(-1))).toEqual([reserved.path]);
    expect(pathsOf(all)).toEqual([...many.slice(0, 3000).map(({ path }) => path), reserved.path]);
  });

  test('a line that is known is taken over as it stands', async () => {
    const { all } = await built(async (index) =>
      index.putLine(index.take(), { path: 'a', size: 1, blocks: 1 }, '{"path":"as it stands"}'),
    );
    expect(all).toEqual(['{"path":"as it stands"}']);
  });

  test('a part that cannot be stored fails the index', async () => {
    const index = new IndexBuilder(async () => {
      throw new Error('no room');
    });
    for (const entry of many.slice(0, 2000)) index.put(index.take(), entry);
    await expect(index.finish()).rejects.toThrow('no room');
  });
});
