import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { Opener } from '../../src/repository/frame.ts';
import { readIndexObject } from '../../src/repository/index-object.ts';
import { openSecrets, type KeySource } from '../../src/repository/keys.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { describeTree } from '../repository/backup.ts';
import { repositoryTest as test } from '../repository/fixture.ts';

const root = join(import.meta.dirname, 'repository');
const kitFile = join(import.meta.dirname, 'kit.txt');
const passphrase = 'golden passphrase, not a secret';
const expected = JSON.parse(await readFile(join(import.meta.dirname, 'expected.json'), 'utf8')) as Record<
  string,
  string[]
>;
const ids = Object.keys(expected);

/** The times of links are not kept by restore.sh, and whole seconds of the others. */
const withoutTimes = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/ (\d+)(?=\d{6} )\d{6} /, ' $1 ').replace(/( link 777) \d+ /, '$1 '));

/** The parts and bundles that a point's index names, each by what it says of it. */
async function named(repository: Repository, indexId: string): Promise<{ parts: string[]; bundles: Set<string> }> {
  const secrets = await openSecrets(repository.storage, { mode: 'passphrase', passphrase }, repository.id);
  const { lines } = await readIndexObject(repository.storage, indexId, new Opener(secrets));
  const bundles = new Map<string, Set<number>>();
  for await (const entry of repository.readIndex(indexId))
    for (const [pack, offset, , , , at] of 'blocks' in entry ? entry.blocks : [])
      if (at !== undefined)
        bundles.set(`${pack}:${offset}`, (bundles.get(`${pack}:${offset}`) ?? new Set<number>()).add(at));
  const shared = [...bundles].filter(([, places]) => places.size > 1).map(([place]) => place);
  return { parts: lines.filter((line) => line.startsWith('[')), bundles: new Set(shared) };
}

describe('golden repository', () => {
  test('D2.7: it holds bundles, and parts of which the later point names one again', async ({ open }) => {
    const repository = await open(createLocalStorage(root), { mode: 'passphrase', passphrase });
    const points = await Promise.all(
      ids.map(async (id) => (await repository.findManifest(id)).lifeboat.components[0]?.indexId ?? ''),
    );
    const [first, second] = await Promise.all(points.map(async (indexId) => named(repository, indexId)));
    expect([first?.parts.length, second?.parts.length]).toEqual([2, 2]);
    expect(second?.parts[0]).not.toBe(first?.parts[0]);
    expect(second?.parts[1]).toBe(first?.parts[1]);
    expect(first?.bundles.size).toBeGreaterThan(0);
    expect([...(first?.bundles ?? [])].some((place) => second?.bundles.has(place))).toBe(true);
  });

  test("D2.7: every point of the frozen repository restores byte for byte, by passphrase and by the kit's key", async ({
    folder,
    open,
  }) => {
    const kit = await readFile(kitFile, 'utf8');
    const key = kit.split('--- key begins ---')[1]?.split('--- key ends ---')[0] ?? '';
    for (const source of [
      { mode: 'passphrase', passphrase },
      { mode: 'key', key },
    ] as const satisfies readonly KeySource[]) {
      const repository = await open(createLocalStorage(root), source);
      expect((await repository.listManifests()).map(({ timestamp, problem }) => [timestamp, problem])).toEqual(
        ids.toReversed().map((id) => [id, undefined]),
      );
      for (const id of ids) {
        const manifest = await repository.findManifest(id);
        expect(await repository.check(manifest, {})).toMatchObject({ ok: true, problems: [] });
        const into = join(folder, source.mode, id);
        const indexId = manifest.lifeboat.components[0]?.indexId ?? '';
        await repository.materialize({ indexId, into });
        expect(await describeTree(into)).toEqual(expected[id]);
        expect(Buffer.from((await repository.readFile(indexId, '.lifeboat/facts.json')) ?? '').toString()).toBe(
          '{"rows":"12"}',
        );
      }
      expect(await repository.listProofs(ids.at(-1) ?? '')).toMatchObject([{ state: 'verified' }]);
    }
  });

  test('X6: its own restore.sh opens it by both and restores it byte for byte with nothing of Lifeboat, as the present one does', async ({
    folder,
  }) => {
    const [first = '', second = ''] = ids;
    const present = join(import.meta.dirname, '../../src/repository/rescue/restore.sh');
    const run = async (script: string, ...args: string[]): Promise<string> =>
      (
        await promisify(execFile)('sh', [script, '-r', root, ...args], {
          env: { PATH: process.env['PATH'] ?? '', LIFEBOAT_PASSPHRASE: args[0] === '-k' ? '' : passphrase },
        })
      ).stdout;
    const own = join(root, 'restore.sh');
    expect((await run(own, '-k', kitFile, 'list')).trim().split('\n')).toMatchObject([
      expect.stringMatching(new RegExp(`^${first}  complete .* files$`)),
      expect.stringMatching(new RegExp(`^${second}  complete `)),
    ]);
    // The newest point holds all that the first one does, but for one file: it takes that script seconds.
    await run(own, 'restore', second, 'files', join(folder, 'passphrase'));
    expect(withoutTimes(await describeTree(join(folder, 'passphrase')))).toEqual(withoutTimes(expected[second] ?? []));
    await run(present, '-k', kitFile, 'restore', first, 'all', join(folder, 'kit'));
    expect(await describeTree(join(folder, 'kit/files'))).toEqual(expected[first]);
  });
});
