import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import { isLifeboatError } from '../../src/domain/errors.ts';
import { backupIdOf, manifestFormat, type ComponentRecord, type Manifest } from '../../src/domain/recovery-point.ts';
import { digestOf, encodeDocument } from '../../src/repository/document.ts';
import { initRepository } from '../../src/repository/init.ts';
import type { KeySource } from '../../src/repository/keys.ts';
import { layout } from '../../src/repository/layout.ts';
import { encodeManifest } from '../../src/repository/manifest.ts';
import { openRepository } from '../../src/repository/open.ts';
import { formatRecoveryKey } from '../../src/repository/recovery-key.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { temporaryFolder, memoryFolder } from '../support/temporary-folder.ts';
import { testKey } from './backup.ts';
import { repositoryTest } from './fixture.ts';
import { clashingIndexes, file, hostileIndexes, writeIndex } from './hostile-indexes.ts';
import {
  hostileComponents,
  hostileManifests,
  hostileRepositories,
  makeOriginals,
  partOf,
  withOtherLengths,
  type Original,
  type Originals,
  type Victim,
} from './hostile-repositories.ts';
import { contentsOf, secretFile, shells, tryScript } from './restore-script.ts';

/* oxlint-disable no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none. */
const test = repositoryTest.extend<{ originals: Originals }>({
  originals: [
    async ({}, use) => {
      const folder = await temporaryFolder('hostile', memoryFolder());
      await use(await makeOriginals(folder.path));
      await folder.remove();
    },
    { scope: 'file' },
  ],
});
/* oxlint-enable no-empty-pattern */

describe('hostile repositories', () => {
  for (const { what, of, given, forge, lifeboat, script } of hostileRepositories) {
    const both = lifeboat === 'restores' ? 'hinders neither Lifeboat nor restore.sh' : 'is refused by both';
    test(`X18: ${what} ${both} (${of})`, async ({ folder, originals }) => {
      const source = given ?? sourceOf(of);
      const victim = await copyOf(originals[of], folder);
      await forge(partOf(victim, 0));
      expect(await byLifeboat(victim, source, join(folder, 'lifeboat'))).toBe(lifeboat);
      const target = join(folder, 'script');
      const { code, stderr } = await byScript(victim, source, folder, ['restore', victim.id, 'other', target]);
      if (script === 'restores') {
        expect([code, stderr]).toEqual([0, expect.stringContaining('everything was restored and verified') as string]);
        expect(await contentsOf(target)).toEqual(await contentsOf(join(folder, 'lifeboat')));
      } else {
        expect([code, stderr]).toEqual([1, expect.stringContaining(script) as string]);
        expect(stderr).not.toContain('everything was restored');
        expect(await readdir(folder)).not.toContain('script');
      }
    });
  }

  for (const of of ['sealed', 'open'] as const) {
    test(`X18: hostile manifests are refused by both, and hinder no other point (${of})`, async ({
      folder,
      originals,
    }) => {
      const victim = await copyOf(originals[of], folder);
      const cases = hostileManifests.filter((each) => each.of === of);
      const { mac: _, ...good } = JSON.parse(
        await readFile(join(victim.folder, layout.manifest(victim.id)), 'utf8'),
      ) as Manifest & { readonly mac: string };
      const idOf = (at: number): string => backupIdOf(new Date(Date.UTC(2026, 10, 23) + at * 1000));
      const write = async (id: string): Promise<void> => {
        const key = layout.manifest(id);
        await mkdir(dirname(join(victim.folder, key)), { recursive: true });
        await writeFile(join(victim.folder, key), encodeDocument(key, { ...good, timestamp: id }, victim.secrets));
      };
      for (const [at, { forge }] of cases.entries()) {
        await write(idOf(at));
        await forge({ ...partOf(victim, 0), id: idOf(at) });
      }
      // Under names that are no dates lie no points.
      for (const id of noDates) await write(id);
      const repository = await openRepository(createLocalStorage(victim.folder), sourceOf(of));
      for (const [at, { what, lifeboat }] of cases.entries())
        await expect(repository.findManifest(idOf(at)), what).rejects.toMatchObject({ code: lifeboat });
      await repository.close();
      const { code, stdout } = await byScript(victim, sourceOf(of), folder, ['list']);
      const lines = stdout.trimEnd().split('\n');
      for (const [at, { what, script }] of cases.entries())
        expect([what, lines.filter((line) => line.startsWith(idOf(at)))]).toEqual([
          what,
          [expect.stringContaining(script) as string],
        ]);
      expect([code, lines.length]).toEqual([1, cases.length + 2]);
      // bash would run what stands in a number that it counts with.
      const at = cases.findIndex(({ what }) => what.endsWith('whose base ends at a command'));
      for (const shell of at === -1 ? [] : shells) {
        const args = ['-r', victim.folder, '-w', 'restore', idOf(at), 'all', join(folder, 'target')];
        const { code: ended, stderr } = await tryScript(join(folder, 'known'), args, { shell });
        expect([shell, ended, stderr]).toEqual([shell, 1, expect.stringContaining('lifeboat.components')]);
      }
      expect(await readdir(folder)).not.toContain('target');
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^${victim.id}  complete `)));
    });

    test(`X18: what a component needs is refused by both, and the others are restored (${of})`, async ({
      folder,
      originals,
    }) => {
      const victim = await copyOf(originals[of], folder);
      const cases = hostileComponents.filter((each) => each.of === of);
      for (const [at, { forge }] of cases.entries()) await forge(partOf(victim, at));
      const repository = await openRepository(createLocalStorage(victim.folder), sourceOf(of));
      for (const [at, { what, lifeboat }] of cases.entries()) {
        const { indexId } = partOf(victim, at).record;
        const asked = repository.materialize({ indexId, into: join(folder, 'lifeboat', String(at)) });
        await expect(asked, what).rejects.toMatchObject({ code: lifeboat });
      }
      await repository.close();
      const { code, stderr } = await byScript(victim, sourceOf(of), folder);
      const told = new Map(
        stderr.split(/^restoring /m).map((text) => [text.slice(0, text.indexOf(' ')), text.slice(text.indexOf('\n'))]),
      );
      for (const [at, { what, script }] of cases.entries()) {
        expect([what, told.get(`files${at}`)]).toEqual([what, expect.stringContaining(script)]);
        // What is good beside it may have come, what is not has not.
        const spoiled = script.startsWith('damaged: text') ? 'text' : 'blocks';
        const came = await readdir(join(folder, `script/files${at}`)).catch(() => []);
        expect([what, came]).toEqual([what, expect.not.arrayContaining([spoiled])]);
      }
      expect(code).toBe(1);
      expect(stderr).toContain('not everything could be restored');
      expect(await readdir(join(folder, 'script/other'))).toEqual(['more', 'text']);
    });
  }

  for (const of of ['sealed', 'open'] as const) {
    test(`a bundle whose lengths say something else is restored by both, by the places that the index names (${of})`, async ({
      folder,
      originals,
    }) => {
      const victim = partOf(await copyOf(originals[of], folder), 0);
      await withOtherLengths(victim);
      const into = join(folder, 'lifeboat');
      expect(await byLifeboat({ ...victim, other: victim.record }, sourceOf(of), into)).toBe('restores');
      const target = join(folder, 'script');
      const args = ['restore', victim.id, 'files0', target];
      const { code, stderr } = await byScript(victim, sourceOf(of), folder, args);
      expect([code, stderr]).toEqual([0, expect.stringContaining('everything was restored and verified') as string]);
      expect(await contentsOf(target)).toEqual(await contentsOf(into));
    });
  }

  test('X18: restore.sh refuses each hostile index as Lifeboat does, writes nothing of it, and goes on with the rest', async ({
    folder,
    storage,
  }) => {
    const { repository } = await initRepository(storage, { mode: 'none' });
    const indexes = [...hostileIndexes, ...clashingIndexes].map(([what, entries], at) => ({ what, entries, at }));
    const records = new Map<string, ComponentRecord>();
    const add = async (id: string, entries: Parameters<typeof writeIndex>[1]) =>
      records.set(id, recordOf(id, await writeIndex(storage, entries, id)));
    for (const { entries, at } of indexes) await add(`c${at}`, [file('first'), ...entries]);
    await add('whole', [file('first')]);
    const id = '20261122_020000';
    await storage.putIfAbsent(
      layout.manifest(id),
      encodeManifest(await manifestOf(repository, id, [...records.values()]), undefined),
    );
    const manifest = await repository.findManifest(id);
    for (const { what, at } of indexes) {
      const indexId = manifest.lifeboat.components[at]?.indexId ?? '';
      await expect(
        repository.materialize({ indexId, into: join(folder, 'lifeboat', `c${at}`) }),
        what,
      ).rejects.toMatchObject({ code: 'ManifestInvalid' });
    }
    await repository.close();
    const target = join(folder, 'script');
    const { code, stderr } = await tryScript(join(folder, 'repository'), ['restore', id, 'all', target]);
    const lines = stderr.split('\n');
    for (const { what, at } of indexes)
      expect([what, lines.filter((line) => line.startsWith(`c${at}: `))]).toEqual([
        what,
        [expect.stringMatching(/^c\d+: refused: the index /) as string],
      ]);
    expect(code).toBe(1);
    expect(stderr).toContain('not everything could be restored');
    expect(await readdir(target)).toEqual(['whole']);
    expect(await readdir(folder)).toEqual(expect.not.arrayContaining(['escaped']));
  });
});

const noDates = ['20261301_000000', '20260229_000000', '20261131_000000', '20261122_240000', '20261122_006000'];

const sourceOf = (of: 'sealed' | 'open'): KeySource => (of === 'sealed' ? testKey : { mode: 'none' });

async function copyOf(original: Original, folder: string): Promise<Original> {
  const victim = { ...original, folder: join(folder, 'repository') };
  await cp(original.folder, victim.folder, { recursive: true });
  return victim;
}

/** How it ends: the code of the error, or `restores`. */
async function byLifeboat(
  { folder, id, other }: Pick<Victim, 'folder' | 'id' | 'other'>,
  source: KeySource,
  into: string,
): Promise<string> {
  try {
    const repository = await openRepository(createLocalStorage(folder), source);
    try {
      await repository.findManifest(id);
      await repository.materialize({ indexId: other.indexId, into });
    } finally {
      await repository.close();
    }
    return 'restores';
  } catch (error) {
    if (isLifeboatError(error)) return error.code;
    throw error;
  }
}

async function byScript(
  { folder: repository, id }: Pick<Victim, 'folder' | 'id'>,
  source: KeySource,
  folder: string,
  args: readonly string[] = ['restore', id, 'all', join(folder, 'script')],
) {
  // The one in the repository may be the attacker's: this is about the one that people know.
  const known = join(folder, 'known');
  await mkdir(known);
  await cp(new URL('../../src/repository/rescue/restore.sh', import.meta.url), join(known, 'restore.sh'));
  const secret =
    source.mode === 'key'
      ? ['-k', await secretFile(folder, formatRecoveryKey(testKey.key))]
      : source.mode === 'passphrase'
        ? ['-p', await secretFile(folder, source.passphrase)]
        : [];
  return tryScript(known, [...secret, '-r', repository, ...args]);
}

function recordOf(id: string, indexId: string): ComponentRecord {
  const time = '2026-11-22T02:00:00.000Z';
  const counts = { files: 0, bytes: 0, storedBytes: 0 };
  const when = { capturedFrom: time, capturedUntil: time, quiescence: 'quiesced', suspect: false } as const;
  return { id, kind: 'files', host: 'main', indexId, ...counts, ...when, facts: {} };
}

/** As a writer that does not look whether the packs are there. */
async function manifestOf(
  repository: Awaited<ReturnType<typeof openRepository>>,
  id: string,
  components: readonly ComponentRecord[],
): Promise<Manifest> {
  const files = components.map(async ({ indexId }) => {
    const bytes = await repository.storage.read(layout.index(indexId));
    return { filename: indexId, path: layout.index(indexId), size: bytes.length, checksum: digestOf(bytes) };
  });
  const time = '2026-11-22T02:00:00.000Z';
  return {
    timestamp: id,
    datetime: time,
    success: true,
    backup_files: await Promise.all(files),
    total_size: 0,
    configuration: {},
    lifeboat: {
      format: manifestFormat,
      repositoryId: repository.id,
      appliance: 'test',
      type: 'full',
      tool: 'test',
      startedAt: time,
      sealedAt: time,
      skewSeconds: 0,
      previous: null,
      components,
      failures: [],
      workflow: null,
    },
  };
}
