/** A point that a proof spoke against becomes good by a proof that lifts it, and not by what somebody takes away. */
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { BackupId } from '../../src/domain/recovery-point.ts';
import { layout } from '../../src/repository/layout.ts';
import { refutedReportOf } from '../../src/repository/refutations.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { backUp, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const day = 86_400_000;
const first = Date.parse('2026-11-20T02:00:00Z');
const failure = { kind: 'verify', levels: ['L1'], ok: false, state: 'failed' } as const;
const success = { kind: 'verify', levels: ['L1', 'L3'], ok: true, state: 'verified' } as const;

async function point(repository: Repository, number: number): Promise<BackupId> {
  const time = new Date(first + number * day);
  return (await backUp(repository, async (writer) => writer.bytes('file', randomBytes(100)), { time })).id;
}

const evidence = {
  proof: (id: BackupId) => layout.proof(id, 1),
  refutation: layout.refutation,
  report: refutedReportOf,
} as const;
type Kind = keyof typeof evidence;
const kinds = Object.keys(evidence) as readonly Kind[];

async function remove(folder: string, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    await rm(join(folder, 'repository', key), { force: true });
    await rm(join(folder, 'repository/.versions', key), { recursive: true, force: true });
  }
}

const everything = (id: BackupId): string[] => kinds.map((kind) => evidence[kind](id));

describe('a failed verification', () => {
  for (const left of kinds)
    for (const how of ['gone', 'damaged'] as const)
      test(`counts where of its evidence only the ${left} is left and the rest is ${how}, and what lacks is named`, async ({
        folder,
        storage,
        open,
        repository,
      }) => {
        const [one, two] = [await point(repository, 1), await point(repository, 2)];
        await repository.putProof(two, failure);
        const lost = kinds.filter((kind) => kind !== left).map((kind) => evidence[kind](two));
        await remove(folder, lost);
        if (how === 'damaged')
          for (const key of lost) await writeFile(join(folder, 'repository', key), '{}').catch(() => undefined);
        const reader = await open(storage);
        expect((await reader.findManifest('latest')).timestamp).toBe(one);
        expect(await reader.pointState(two)).toBe('failed');
        const { problems } = await reader.knownProofs(two);
        if (left !== 'proof')
          expect(problems.join()).toContain(`${layout.proof(two, 1)} spoke against the point and is gone`);
        if (left === 'report') expect(problems.join()).toContain(`${layout.refutation(two)} is gone`);
        await reader.putProof(two, success);
        expect((await reader.findManifest('latest')).timestamp).toBe(two);
      });

  test('is named by every manifest that is sealed while it stands: with all its own evidence gone it counts on', async ({
    folder,
    storage,
    open,
    repository,
  }) => {
    const [, two] = [await point(repository, 1), await point(repository, 2)];
    await repository.putProof(two, { ...failure, levels: ['L1', 'L4'], components: ['files'] });
    const three = await point(repository, 3);
    await remove(folder, everything(two));
    // Carried on: the removal of the newer point alone hides nothing.
    const four = await point(await open(storage), 4);
    const { lifeboat } = await repository.findManifest(four);
    expect(lifeboat.refuted).toMatchObject([
      { timestamp: two, number: 1, levels: ['L1', 'L4'], components: ['files'], state: 'failed' },
    ]);
    await remove(folder, [layout.manifest(three)]);
    const reader = await open(storage);
    expect((await reader.findManifest('latest')).timestamp).toBe(four);
    expect(await reader.pointState(two)).toBe('failed');
    expect((await reader.knownProofs(two)).problems).toEqual([expect.stringContaining(layout.manifest(four))]);
    await remove(folder, [layout.manifest(four)]);
    // From here on nothing tells of it any more; the format page says so.
    expect(await (await open(storage)).pointState(two)).toBeUndefined();
  });

  test('that was lifted is named by no later manifest, and the number of a lost one is not given again', async ({
    folder,
    repository,
  }) => {
    const one = await point(repository, 1);
    await repository.putProof(one, failure);
    const two = await point(repository, 2);
    expect((await repository.findManifest(two)).lifeboat.refuted).toHaveLength(1);
    await remove(folder, everything(one));
    await repository.putProof(one, success);
    expect((await repository.knownProofs(one)).proofs).toMatchObject([{ ok: false }, { ok: true }]);
    expect(await repository.pointState(one)).toBe('verified');
    const three = await point(repository, 3);
    expect((await repository.findManifest(three)).lifeboat.refuted).toBeUndefined();
    // Who takes away what lifted it wins nothing.
    await remove(folder, [layout.proof(one, 2)]);
    expect(await repository.pointState(one)).toBe('failed');
  });

  test('of the repository says nothing of a copy, whose own failures count there', async ({
    folder,
    open,
    repository,
  }) => {
    const one = await point(repository, 1);
    await repository.putProof(one, failure);
    const two = await point(repository, 2);
    const target = createLocalStorage(join(folder, 'copy'));
    await repository.replicateTo(target, { owner: 'test' });
    const copy = await open(target, testKey, { isCopy: true });
    expect(await copy.pointState(one)).toBeUndefined();
    expect((await copy.knownProofs(one)).problems).toEqual([]);
    await copy.putProof(two, failure);
    await target.remove(layout.proof(two, 1));
    expect((await copy.findManifest('latest')).timestamp).toBe(one);
  });

  test('leaves with its point, and counts by what newer manifests say where the point is recalled', async ({
    repository,
  }) => {
    const one = await point(repository, 1);
    await repository.putProof(one, failure);
    await point(repository, 2);
    await repository.collect({ expire: [one], wal: [], holder: 'retention' });
    for (const key of everything(one)) expect(await repository.storage.stat(key), key).toBeUndefined();
    await repository.unexpire(one, 'me');
    expect(await repository.pointState(one)).toBe('failed');
  });
});
