/** The files of the previous index, looked up in the order of a walk. */
import { describe, expect } from 'vitest';
import type { BlockRef, IndexEntry } from '../../src/domain/entry.ts';
import { compareInWalk } from '../../src/domain/path-order.ts';
import { digestOf } from '../../src/repository/document.ts';
import { Opener, Sealer, frameKinds } from '../../src/repository/frame.ts';
import { readIndexObject } from '../../src/repository/index-object.ts';
import { layout } from '../../src/repository/layout.ts';
import { PreviousFiles } from '../../src/repository/writer/previous-files.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { repositoryTest as test } from './fixture.ts';
import { file, other, putIndex, type Line } from './hostile-indexes.ts';
import type { PackTable } from '../../src/repository/index-head.ts';

const opener = new Opener(undefined);
const sealer = new Sealer(undefined);
const digest = digestOf(Buffer.from('x'));
const ofPack = (pack: number): { size: number; blocks: readonly BlockRef[] } => ({
  size: 1,
  blocks: [[pack, 0, 77, digest, 1]],
});

interface Asked {
  readonly files: PreviousFiles;
  readonly warnings: string[];
}

/** Of an index with these lines, of which the last ones stand in a part. */
async function previous(storage: Storage, lines: readonly Line[], inPart: readonly IndexEntry[] = []): Promise<Asked> {
  const text = Buffer.from(inPart.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  const frame = sealer.frame(frameKinds.block, text);
  const packs: PackTable = new Map([
    [3, { id: digestOf(frame), size: frame.length }],
    [5, { id: 'f'.repeat(64), size: 200 }],
  ]);
  if (inPart.length > 0) await storage.putIfAbsent(layout.pack(digestOf(frame)), frame);
  const part = JSON.stringify([[3, 0, frame.length, digestOf(text), text.length]]);
  const entries = inPart.length > 0 ? [...lines, part] : lines;
  const id = await putIndex(storage, { sealer, component: 'files', entries, packs });
  const warnings: string[] = [];
  const sources = { storage, opener, warn: (message: string) => void warnings.push(message) };
  const usable = new Map([...packs].filter(([number]) => number === 3));
  return { files: new PreviousFiles(await readIndexObject(storage, id, opener), usable, sources), warnings };
}

const found = async ({ files }: Asked, ...paths: readonly string[]): Promise<(string | undefined)[]> => {
  const results: (string | undefined)[] = [];
  for (const path of paths) results.push((await files.find(path))?.entry?.path);
  return results;
};

describe('files of the previous index', () => {
  test('are found in the order of a walk, with their lines, in the index itself and in its parts', async ({
    storage,
  }) => {
    const paths = ['a', 'a/b', 'a.txt', 'b/c', 'b/d', 'z'].sort(compareInWalk);
    const entries = paths.map((path) => file(path, ofPack(3)));
    const asked = await previous(storage, entries.slice(0, 3), entries.slice(3));
    expect(await found(asked, ...paths)).toEqual(paths);
    const again = await previous(storage, entries);
    expect((await again.files.find('a.txt'))?.line).toBe(JSON.stringify(entries[2]));
    expect(asked.warnings).toEqual([]);
  });

  test('one that is new, gone, no file, or passed by already is not found, and hides no other', async ({ storage }) => {
    const asked = await previous(
      storage,
      [file('a'), other('directory', 'd'), file('d/x'), file('gone'), other('symlink', 's', 'x')],
      [file('t'), file('v')],
    );
    expect(await found(asked, '0', 'a', 'd', 'd/w', 'd/x', 'e', 's', 't')).toEqual([
      undefined,
      'a',
      undefined,
      undefined,
      'd/x',
      undefined,
      undefined,
      't',
    ]);
    expect(await found(asked, 'a', 't', 'v', 'zz')).toEqual([undefined, 't', 'v', undefined]);
  });

  test('one whose pack is gone, that changed while it was read, or that is ours is not found', async ({ storage }) => {
    const asked = await previous(storage, [
      file('.lifeboat/facts.json', ofPack(3)),
      file('a', ofPack(5)),
      file('b', { ...ofPack(3), changedDuringRead: true }),
      file('c', ofPack(3)),
    ]);
    expect(await found(asked, '.lifeboat/facts.json', 'a', 'b', 'c')).toEqual([undefined, undefined, undefined, 'c']);
  });

  test('names that are any bytes are found by them', async ({ storage }) => {
    const bytes = Buffer.from([0x61, 0xff]);
    const asked = await previous(storage, [file('a\uFFFD', { pathBase64: bytes.toString('base64') }), file('é')]);
    const keys = [bytes.toString('latin1'), Buffer.from('é').toString('latin1')];
    expect(await found(asked, ...keys)).toEqual(['a\uFFFD', 'é']);
  });

  test('many that ask at once, in order, all get their answers', async ({ storage }) => {
    const paths = Array.from({ length: 200 }, (_, at) => `f${String(at).padStart(3, '0')}`);
    const { files } = await previous(
      storage,
      [],
      paths.map((path) => file(path)),
    );
    const answers = await Promise.all(paths.map(async (path) => files.find(path)));
    expect(answers.map((answer) => answer?.entry?.path)).toEqual(paths);
  });

  test('a part that is gone, damaged, or says what none may say is told once, and what follows is read again', async ({
    storage,
  }) => {
    const gone = JSON.stringify([[5, 0, 100, digest, 5]]);
    for (const [bad, z] of [
      [gone, undefined],
      // Whose line it is stands at its begin: only that file is read again.
      ['{"path":"b"}', 'z'],
      ['no JSON', undefined],
    ] as const) {
      const asked = await previous(storage, [file('a'), bad, file('z')]);
      expect([bad, await found(asked, 'a', 'b', 'z')]).toEqual([bad, ['a', undefined, z]]);
      expect([bad, asked.warnings]).toEqual([bad, [expect.stringContaining('everything is read and stored again')]]);
    }
  });

  test('of no index are none', async ({ storage }) => {
    const files = new PreviousFiles(undefined, new Map(), { storage, opener, warn: () => undefined });
    expect(files.find('a')).toBeUndefined();
  });
});
