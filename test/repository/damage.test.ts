import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { initRepository } from '../../src/repository/init.ts';
import type { KeySource } from '../../src/repository/keys.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { addTree, backUp, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';
import type { Backup } from './backup.ts';

/** Flips per object; their positions are spread over all bytes and all eight bits. */
const flipsPerObject = 120;

describe('damage', () => {
  for (const source of [testKey, { mode: 'none' }] as const satisfies readonly KeySource[]) {
    const kind = source.mode === 'key' ? 'an encrypted' : 'an open';
    test(`D2.7: a flipped bit anywhere in ${kind} repository is noticed, with the object named`, async ({
      folder,
      storage,
      open,
    }) => {
      const { repository: made } = await initRepository(storage, source);
      await made.close();
      const repository = await open(storage, source, { threads: 1 });
      const { manifest } = await smallBackup(repository, folder);
      const keys: string[] = [];
      for await (const { key } of storage.list('')) keys.push(key);
      const sealed = keys.filter((key) => /^(?:packs|indexes|manifests|keys)\/|^repository\.json$/.test(key));
      expect(sealed.length).toBe(source.mode === 'key' ? 5 : 4);
      for (const key of sealed) {
        const path = join(folder, 'repository', key);
        const good = await readFile(path);
        for (const bit of spreadBits(good.length)) {
          const damaged = Buffer.from(good);
          damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          await writeFile(path, damaged);
          expect(
            await noticedIn(key, { storage, source, repository, manifest, open }),
            `bit ${bit} of ${key}`,
          ).toContain(key.startsWith('keys/') ? '' : key);
        }
        await writeFile(path, good);
      }
      expect(await repository.check(manifest, {})).toMatchObject({ ok: true, problems: [] });
    });
  }

  test('D2.7: check names component, object and every file that a bad block touches, and does not throw', async ({
    folder,
    storage,
    repository,
  }) => {
    const { manifest } = await smallBackup(repository, folder);
    const pack = manifest.backup_files.find(({ path }) => path.startsWith('packs/'))?.path ?? '';
    const bytes = Buffer.from(await storage.read(pack));
    // A byte in the payload of the first frame, which several files may share.
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(join(folder, 'repository', pack), bytes);
    const { ok, problems } = await repository.check(manifest, {});
    expect(ok).toBe(false);
    expect(problems[0]).toMatchObject({ component: 'files', object: pack, code: 'ObjectCorrupt' });
    expect(problems.slice(1).map(({ file }) => file)).toHaveLength(1);
    expect(problems[1]).toMatchObject({ component: 'files', object: pack });
    const into = join(folder, 'target');
    await expect(
      repository.materialize({ indexId: manifest.lifeboat.components[0]?.indexId ?? '', into }),
    ).rejects.toMatchObject({
      code: 'ObjectCorrupt',
      message: expect.stringContaining(pack) as string,
    });
  });

  test('a missing object is named with its component and files; other components are still checked', async ({
    folder,
    storage,
    repository,
  }) => {
    const { manifest } = await smallBackup(repository, folder);
    const pack = manifest.backup_files.find(({ path }) => path.startsWith('packs/'))?.path ?? '';
    await storage.remove(pack);
    const { problems } = await repository.check(manifest, {});
    expect(problems.map(({ code }) => code)).toContain('ObjectMissing');
    expect(problems.flatMap(({ file }) => file ?? []).sort()).toEqual(['a', 'b', 'c']);
    expect((await repository.check(manifest, { components: ['none'] })).ok).toBe(true);
    await storage.remove(`indexes/${manifest.lifeboat.components[0]?.indexId ?? ''}`);
    expect((await repository.check(manifest, {})).problems).toMatchObject([
      { code: 'ObjectMissing', component: 'files', object: expect.stringContaining('indexes/') as string },
    ]);
  });

  test('a storage that cannot be read is an error of the check, not damage', async ({ folder, repository }) => {
    const { manifest } = await smallBackup(repository, folder);
    await chmod(join(folder, 'repository/packs'), 0o000);
    await expect(repository.check(manifest, {})).rejects.toMatchObject({ code: 'PermissionDenied' });
    await chmod(join(folder, 'repository/packs'), 0o700);
  });
});

interface Where {
  readonly storage: Storage;
  readonly source: KeySource;
  readonly repository: Repository;
  readonly manifest: Backup['manifest'];
  readonly open: (storage: Storage, source: KeySource) => Promise<Repository>;
}

/** The message by which the damage shows itself; fails the test if it does not. */
async function noticedIn(key: string, { storage, source, repository, manifest, open }: Where): Promise<string> {
  if (key.startsWith('packs/') || key.startsWith('indexes/')) {
    return (await repository.check(manifest, {})).problems
      .map(({ object, message }) => `${object} ${message}`)
      .join('\n');
  }
  if (key.startsWith('manifests/')) {
    const [listing] = await repository.listManifests();
    expect(listing?.manifest).toBeUndefined();
    await expect(repository.findManifest(manifest.timestamp)).rejects.toThrow();
    return `${listing?.key ?? ''} ${listing?.problem ?? ''}`;
  }
  try {
    await open(storage, source);
  } catch (error) {
    return error instanceof Error ? `repository.json ${error.message}` : '';
  }
  throw new Error(`the damage of ${key} was not noticed`);
}

function spreadBits(bytes: number): number[] {
  const flips = Math.min(flipsPerObject, bytes);
  return Array.from({ length: flips }, (_, flip) => Math.floor((flip * bytes) / flips) * 8 + (flip % 8));
}

async function smallBackup(repository: Repository, folder: string): Promise<Backup> {
  const source = join(folder, 'source');
  await mkdir(source);
  for (const name of ['a', 'b', 'c'])
    await writeFile(join(source, name), name === 'b' ? Buffer.alloc(500, 'text') : randomBytes(300));
  return backUp(repository, (writer) => addTree(writer, source));
}
