/**
 * One damaged object, one planted object and one thing that is not ours, of each kind that the layout knows, and everything
 * that reads: none fails for a point that is whole, what is damaged is named, and what is not ours is named by `doctor`
 * alone.
 */
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layout, objectKinds, type ObjectKind } from '../../../src/repository/layout.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import { memoryFolder, temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { copyStage, flip, keysOf, makeStage, openStage, plant, readers, type Stage } from './littered.ts';

interface Case {
  /** Of the stored objects, the one that is damaged; by default the last. */
  readonly pick?: (keys: readonly string[], stage: Stage) => string | undefined;
  /** An object of this kind that nobody wrote. */
  readonly planted: (stage: Stage) => readonly string[];
  readonly content?: (identity: { readonly id: string }) => string;
  /** What is not ours, beside those that are. */
  readonly stray: (stage: Stage) => string;
  /** Its damage is no damage. */
  readonly isWorthless?: true;
}

const ahead = '20990101_000000';
const manifestOf = (id: string): ((keys: readonly string[]) => string | undefined) => {
  return (keys) => keys.find((key) => key.endsWith(`${id}.json`));
};

/** Each kind must be here: the compiler asks for a new one. */
const cases: Readonly<Record<ObjectKind, Case>> = {
  identity: { planted: () => [], stray: () => 'repository (1).json' },
  restoreScript: { planted: () => [], stray: () => 'restore.sh.orig' },
  restoreGuide: { planted: () => [], stray: () => 'README.txt' },
  key: {
    pick: (keys, { otherKey }) => keys.find((key) => key === otherKey),
    planted: () => ['keys/ffffffffffffffff.json'],
    content: ({ id }) =>
      JSON.stringify({ format: 1, kind: 'key', purpose: 'primary', repository: id, nonce: '', wrapped: 'x' }),
    stray: () => 'keys/notes.txt',
  },
  pack: { planted: () => [layout.pack('f'.repeat(64))], stray: () => `packs/ff/${'f'.repeat(63)}` },
  index: { planted: () => [layout.index('f'.repeat(32))], stray: () => `indexes/${'f'.repeat(32)}.tmp` },
  wal: {
    // What the archiver writes next, a part of what is needed, and on a timeline that there is not.
    planted: () => [
      'wal/pg/7/00000001/000000010000000000000009',
      'wal/pg/7/00000001/000000010000000000000007.0000000000700000-0000000000780000',
      'wal/pg/7/00000001/000000010000000000000006',
      'wal/pg/7/00000003/000000030000000000000007',
    ],
    stray: () => 'wal/pg/7/00000001/000000010000000000000009 copy',
  },
  history: { planted: () => ['wal/pg/7/00000003/00000003.history'], stray: () => 'wal/pg/7/00000003/3.history' },
  coverage: { planted: () => ['wal/pg/7/00000003/coverage.json'], stray: () => 'wal/pg/coverage.json' },
  manifest: {
    pick: (keys, { old }) => manifestOf(old)(keys),
    planted: () => [layout.manifest(ahead)],
    content: () => '{"lifeboat":{"format":2}}',
    stray: () => 'manifests/2026/11/29/a (1).json',
  },
  proof: {
    pick: (keys, { old }) => keys.find((key) => key.includes(old)),
    planted: ({ good }) => [layout.proof(good, 9)],
    stray: ({ good }) => `proofs/${good}/notes.txt`,
  },
  refutation: { planted: ({ good }) => [layout.refutation(good)], stray: () => 'refutations/all.json' },
  report: {
    planted: () => [
      layout.report('fullBackup', 'fullBackup/shop/2099-01-01T00:00:00Z'),
      layout.report('restore', 'restore/shop/2099-01-01T00:00:00Z'),
      layout.report('exposure', 'vault'),
      layout.report('rpo', 'state'),
    ],
    stray: () => 'reports/fullBackup/.report.swp~',
  },
  intent: { planted: () => [layout.intent(ahead)], stray: () => 'intents/mine.json' },
  hold: { planted: ({ good }) => [layout.hold(good)], stray: () => 'holds/why.txt' },
  lease: { planted: () => [layout.lease('other')], stray: () => 'leases/.lock~' },
  tombstone: {
    pick: (keys, { expired }) => manifestOf(expired)(keys),
    planted: ({ good, old }) => [layout.tombstone(layout.manifest(good)), layout.tombstone(layout.manifest(old))],
    stray: () => 'tombstones/here lies.txt',
  },
  damaged: { isWorthless: true, planted: () => [], stray: () => 'damaged/core' },
};

describe.each([true, false])('encrypted: %s', (encrypted) => {
  let place: TemporaryFolder;
  let template: Stage;
  beforeAll(async () => {
    place = await temporaryFolder('littered', memoryFolder());
    await mkdir(join(place.path, 'template'));
    template = await makeStage(join(place.path, 'template'), encrypted);
  });
  afterAll(async () => place.remove());

  /** What each reader said; fails the test for the first that fails. */
  const readAll = async (stage: Stage): Promise<Readonly<Record<string, unknown>>> => {
    const opened = openStage(stage);
    try {
      const said: Record<string, unknown> = {};
      for (const [name, read] of Object.entries(readers)) {
        said[name] = await read(opened, stage).catch((error: unknown) => {
          throw new Error(`${name} failed`, { cause: error });
        });
        const { timestamp } = said[name] as { readonly timestamp?: string };
        if (timestamp !== undefined) expect(timestamp, `${name} takes the point that is whole`).toBe(stage.good);
      }
      return { ...said, warnings: opened.warnings };
    } finally {
      await opened.parts.close();
    }
  };

  test('every kind of object is there, and nothing is wrong', async () => {
    const storage = createLocalStorage(join(template.folder, 'repository'));
    for (const kind of objectKinds)
      expect((await keysOf({ storage }, kind)).length > 0, kind).toBe(encrypted || kind !== 'key');
    const { verify, doctor, now, warnings } = await readAll(await copyStage(template, join(place.path, 'untouched')));
    expect(verify).toMatchObject({
      ok: true,
      around: { unreadable: [], lost: [], scripts: { problems: [], notes: [] } },
      rest: { damagedPacks: [], damagedIndexes: [], damagedWal: [], damagedDocuments: [] },
    });
    expect(now).toMatchObject({ lost: [] });
    expect(JSON.stringify(doctor)).not.toMatch(/foreign|cannot be read|gone/);
    expect(warnings).toEqual([]);
  });

  test.each(objectKinds.filter((kind) => kind !== 'identity'))('%s: damaged, planted, and strange', async (kind) => {
    const { pick, planted, content, stray, isWorthless } = cases[kind];
    const stage = await copyStage(template, join(place.path, kind));
    const storage = createLocalStorage(join(stage.folder, 'repository'));
    const needed = await neededBy(stage);
    const mine = (await keysOf({ storage }, kind)).filter((key) => !needed.has(key));
    const damaged = pick === undefined ? mine.at(-1) : pick(mine, stage);
    const identity = JSON.parse(await readFile(join(stage.folder, 'repository/repository.json'), 'utf8')) as {
      readonly id: string;
    };
    const wrong: string[] = [];
    if (damaged !== undefined) {
      await flip(stage.folder, damaged);
      if (isWorthless !== true) wrong.push(damaged);
    }
    for (const key of planted(stage)) {
      await plant(stage.folder, key, content?.(identity) ?? 'x');
      wrong.push(key);
    }
    await plant(stage.folder, stray(stage));
    const { doctor, ...others } = await readAll(stage);
    const said = JSON.stringify([doctor, others]);
    for (const key of wrong) expect(said, `${key} is named`).toContain(key.slice(key.lastIndexOf('/') + 1));
    expect(JSON.stringify(doctor).split(JSON.stringify(stray(stage)).slice(1, -1)), 'named once').toHaveLength(2);
    expect(JSON.stringify(others), 'passed over by all others').not.toContain(stray(stage));
  });

  test('identity: a damaged repository.json is named, and what to do', async () => {
    const stage = await copyStage(template, join(place.path, 'identity'));
    await flip(stage.folder, layout.repository);
    const { parts } = openStage(stage);
    await expect(parts.repository()).rejects.toMatchObject({
      message: expect.stringContaining('repository.json') as string,
    });
    await parts.close();
  });

  test('folders that nobody may look into: one that can hold nothing of ours holds nothing up', async () => {
    const stage = await copyStage(template, join(place.path, 'closed'));
    const closed = ['lost+found', 'private', 'manifests/private', 'proofs/lost+found', 'packs/zz'];
    for (const path of closed) await mkdir(join(stage.folder, 'repository', path), { mode: 0o000 });
    const { doctor, ...others } = await readAll(stage);
    for (const path of closed) {
      expect(JSON.stringify(doctor)).toContain(`\`${path}/\``);
      expect(JSON.stringify(others)).not.toContain(path);
    }
    // Here a manifest may lie that nobody sees.
    const day = join(stage.folder, 'repository/manifests/2099');
    await mkdir(day, { mode: 0o000 });
    const { parts, configuration } = openStage(stage);
    const repository = await parts.repository();
    await expect(repository.findManifest('latest')).rejects.toMatchObject({ code: 'PermissionDenied' });
    expect(JSON.stringify(await readers['doctor']?.({ parts, configuration, warnings: [] }, stage))).toContain(
      'manifests/2099/',
    );
    await parts.close();
    await chmod(day, 0o700);
  });

  test('a version that somebody put beside an object that is never replaced is not read', async () => {
    const stage = await copyStage(template, join(place.path, 'versions'));
    const needed = [...(await neededBy(stage)), layout.manifest(stage.good), layout.repository];
    for (const key of needed) await plant(stage.folder, `.versions/${key}/1`);
    const { doctor, verify } = await readAll(stage);
    expect(verify).toMatchObject({ ok: true, rest: { damagedPacks: [], damagedIndexes: [], damagedDocuments: [] } });
    expect(JSON.stringify(doctor)).toContain('.versions/packs/');
  });

  test('a plan promises nothing whose objects are gone', async () => {
    const stage = await copyStage(template, join(place.path, 'gone'));
    for (const key of await neededBy(stage))
      if (key.startsWith('packs/')) await createLocalStorage(join(stage.folder, 'repository')).remove(key);
    const opened = openStage(stage);
    await expect(readers['plan']?.(opened, stage)).rejects.toMatchObject({
      code: 'ObjectMissing',
      component: 'files',
      message: expect.stringMatching(/nothing was stopped: component `files` of \d+_\d+: 1 of 1 .* gone/) as string,
    });
    await opened.parts.close();
  });
});

/** What the newest point needs. */
async function neededBy(stage: Stage): Promise<ReadonlySet<string>> {
  const { parts } = openStage(stage);
  const { backup_files: files } = await (await parts.repository()).findManifest(stage.good);
  await parts.close();
  return new Set(files.map(({ path }) => path));
}
