/** Extended attributes and ACLs through every driver that reads from disk, with the real programs and file system. */
import { execFileSync } from 'node:child_process';
import { chmod, link, lstat, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import type { Attributes } from '../../../src/domain/attributes.ts';
import type { IndexEntry } from '../../../src/domain/entry.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { createFilesDriver } from '../../../src/drivers/files/driver.ts';
import { createModelsDriver } from '../../../src/drivers/models/driver.ts';
import { createVectorstoreDriver } from '../../../src/drivers/vectorstore/driver.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { withoutPrograms } from '../../attributes/without-programs.ts';
import { writeTinyModel } from '../../inference/tiny-model.ts';
import { benchTest } from '../folder/bench-test.ts';
import { failedProbes, type RestoreBench } from '../folder/restore-bench.ts';
import { configOf, writeStore } from '../vectorstore/store.ts';

const environment = { target: createProcessTarget(), stateDir: '/nowhere', secret: async () => undefined };
const common = { host: 'main', tier: 'critical', priority: 1, services: [] } as const;

const test = benchTest.extend<{ live: string }>({
  live: async ({ folder }, use) => {
    const live = join(folder, 'live');
    await mkdir(live);
    await writeFile(join(live, 'plain'), 'plain');
    await use(live);
  },
});

function filesOf(...paths: string[]): Driver {
  return createFilesDriver({ ...common, id: 'files', kind: 'files', paths, exclude: [] }, environment);
}

describe('files', () => {
  test('D7, D2.7: attributes and ACLs of files and folders come back with modes and times; a second name has those of the first', async ({
    kit,
    live,
  }) => {
    await mkdir(join(live, 'shared/deep'), { recursive: true });
    await writeFile(join(live, 'closed'), 'x', { mode: 0o444 });
    await link(join(live, 'plain'), join(live, 'second'));
    await symlink('plain', join(live, 'link'));
    set(join(live, 'plain'), { 'user.origin': 'https://example.org/a="b"\n', 'user.empty': '' });
    set(join(live, 'shared'), { 'user.folder': 'yes' });
    execFileSync('setfattr', ['-n', 'user.closed', '-v', '1', join(live, 'plain')]);
    await chmod(join(live, 'closed'), 0o644);
    set(join(live, 'closed'), { 'user.a': 'b' });
    await chmod(join(live, 'closed'), 0o444);
    execFileSync('setfacl', ['-m', 'u:65534:rw,g:65534:r', join(live, 'plain')]);
    execFileSync('setfacl', ['-d', '-m', 'u:65534:rx', join(live, 'shared')]);
    await writeFile(join(live, 'shared/deep/none'), 'no ACL of its own');
    execFileSync('setfacl', ['-b', join(live, 'shared/deep/none')]);
    await utimes(join(live, 'plain'), 1_700_000_000, 1_700_000_000);
    const before = dumpOf(live);
    expect(before).toContain('system.posix_acl_default');

    const record = await kit.capture(filesOf(live));
    expect(record.facts).toMatchObject({ attributes: 3 });
    expect(record.facts).not.toHaveProperty('note');
    await rm(live, { recursive: true });
    const probes = await kit.restore(filesOf(live), record);
    expect(failedProbes(probes)).toEqual([]);
    expect(probes).toContainEqual({
      component: 'files',
      name: 'extended attributes and ACLs',
      expected: '7 as captured',
      actual: '7 as captured',
      ok: true,
    });
    expect(failedProbes(await filesOf(live).probe(kit.context(record, 4001)))).toEqual([]);
    expect(dumpOf(live)).toBe(before);
    const [plain, closed] = await Promise.all(['plain', 'closed'].map((name) => lstat(join(live, name))));
    expect(plain?.mtimeMs).toBeCloseTo(1_700_000_000_000, 2);
    expect((closed?.mode ?? 0) & 0o7777).toBe(0o444);
  });

  test('a folder that locks its owner out, and what lies in it, get their attributes', async ({ kit, live }) => {
    await mkdir(join(live, 'locked/inner'), { recursive: true });
    await writeFile(join(live, 'locked/inner/file'), 'x');
    for (const path of ['locked', 'locked/inner', 'locked/inner/file']) set(join(live, path), { 'user.at': path });
    execFileSync('setfacl', ['-m', 'u:65534:rx', join(live, 'locked')]);
    const before = dumpOf(live);
    // A recovery point whose folder is closed: this test could not read such a one, so the mode is changed in the index.
    const record = await kit.capture(filesOf(live));
    const indexId = await rewritten(kit, record, (entry) =>
      entry.path.endsWith('/locked') ? { ...entry, mode: 0o450 } : entry,
    );
    const into = join(live, '..', 'target');
    const { notes } = await kit.repository.materialize({ indexId, into });
    const restored = join(into, live);
    expect(notes).toEqual([]);
    expect((await lstat(join(restored, 'locked'))).mode & 0o7777).toBe(0o450);
    await chmod(join(restored, 'locked'), 0o750);
    expect(dumpOf(restored).replace(/\/target\/.*\/live/g, '/live')).toContain('user.at="locked/inner/file"');
    expect(
      dumpOf(restored)
        .split('\n')
        .filter((line) => line.startsWith('user.')),
    ).toEqual(before.split('\n').filter((line) => line.startsWith('user.')));
  });

  test('any attributes of any tree come back', async ({ kit, folder }) => {
    const nodes = fc.record({
      folders: fc.array(fc.stringMatching(/^[a-c"\\\n]{1,2}$/), { maxLength: 2 }),
      name: fc.stringMatching(/^[d-f '][d-f '\n]{0,2}$/),
      attributes: fc.dictionary(
        fc.stringMatching(/^[a-z=\\\n ü]{1,8}$/).map((name) => `user.${name}`),
        fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0')),
        { maxKeys: 3, noNullPrototype: true },
      ),
      acl: fc.option(fc.constantFrom('u:65534:r', 'g:65534:rwx', 'u:65534:---,m::r')),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(nodes, { maxLength: 5 }), async (tree) => {
        run += 1;
        const live = join(folder, `tree-${run}`);
        await mkdir(live);
        await writeFile(join(live, 'one'), '');
        for (const { folders, name, attributes, acl } of tree) {
          const place = join(live, ...folders);
          await mkdir(place, { recursive: true });
          await writeFile(join(place, name), 'content');
          set(join(place, name), attributes);
          if (acl !== null) execFileSync('setfacl', ['-m', acl, join(place, name), place]);
        }
        const before = dumpOf(live);
        const record = await kit.capture(filesOf(live));
        await rm(live, { recursive: true });
        expect(failedProbes(await kit.restore(filesOf(live), record, `run-${run}`))).toEqual([]);
        expect(dumpOf(live)).toBe(before);
      }),
      { numRuns: 8, interruptAfterTimeLimit: 15_000 },
    );
  });

  test('D2.7: a lost and a changed attribute are named, with the file, and never their values', async ({
    kit,
    live,
  }) => {
    set(join(live, 'plain'), { 'user.kept': 'secret-1', 'user.changed': 'secret-2', 'user.lost': 'secret-3' });
    const record = await kit.capture(filesOf(live));
    execFileSync('setfattr', ['-x', 'user.lost', join(live, 'plain')]);
    set(join(live, 'plain'), { 'user.changed': 'other' });
    const probes = await filesOf(live).probe(kit.context(record, 4001));
    expect(failedProbes(probes)).toEqual([
      'extended attributes and ACLs: 3 as captured <> 1 as captured',
      `attributes of file ${join(live, 'plain')}: user.changed, user.lost as captured <> user.changed of another value, user.lost lost`,
    ]);
    expect(JSON.stringify([probes, record])).not.toContain('secret');
  });

  test('an unchanged file is not read again, and its attributes are those of now', async ({ kit, live }) => {
    set(join(live, 'plain'), { 'user.a': 'old' });
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const first = await kit.capture(filesOf(live));
    const same = await kit.capture(filesOf(live), first);
    set(join(live, 'plain'), { 'user.a': 'new' });
    const changed = await kit.capture(filesOf(live), same);
    expect(await attributesIn(kit, first)).toEqual({ plain: { 'user.a': base64('old') } });
    expect(await attributesIn(kit, same)).toEqual({ plain: { 'user.a': base64('old') } });
    expect(await attributesIn(kit, changed)).toEqual({ plain: { 'user.a': base64('new') } });
  });

  test('X18: what is restored below a folder with a default ACL gets no ACL that it did not have', async ({
    kit,
    folder,
    live,
  }) => {
    await chmod(join(live, 'plain'), 0o640);
    const record = await kit.capture(filesOf(live));
    await rm(live, { recursive: true });
    execFileSync('setfacl', ['-d', '-m', 'u:65534:rwx', folder]);
    expect(failedProbes(await kit.restore(filesOf(live), record))).toEqual([]);
    expect(dumpOf(live)).toBe('');
  });

  test('without the programs a capture goes on and says what it lacks, and so does doctor', async ({
    kit,
    folder,
    live,
  }) => {
    set(join(live, 'plain'), { 'user.a': '1' });
    await withoutPrograms(folder, ['xargs'], async () => {
      const record = await kit.capture(filesOf(live));
      expect(record.facts).toMatchObject({
        files: 1,
        attributes: 0,
        note: 'extended attributes and ACLs were not captured: `getfattr` is not installed (apt-get install attr)',
      });
      expect(await filesOf(live).check()).toContainEqual({
        name: 'files: extended attributes',
        level: 'warn',
        text: 'extended attributes and ACLs are neither captured nor restored: `getfattr` is not installed',
        hint: 'apt-get install attr',
      });
    });
    expect((await filesOf(live).check()).map(({ level }) => level)).toEqual(['ok']);
  });

  test('without the programs a restore goes on, says what it could not give back, and compares nothing', async ({
    kit,
    folder,
    live,
  }) => {
    set(join(live, 'plain'), { 'user.a': '1', 'user.b': '2' });
    const record = await kit.capture(filesOf(live));
    await withoutPrograms(folder, ['xargs', 'getfattr'], async () => {
      const { notes } = await filesOf(live).stage(kit.context(record, 1001));
      expect(notes).toEqual([
        '2 of 2 extended attributes and ACLs (user.*) could not be given back: `setfattr` is not installed (apt-get install attr)',
      ]);
      const probes = await filesOf(live).validate(kit.context(record, 2001));
      expect(failedProbes(probes)).toEqual([]);
      expect(probes.map(({ actual }) => actual)).toContain(
        'not compared: `setfattr` is not installed (apt-get install attr)',
      );
    });
  });

  test('D3.5: what only root may set is told by an unprivileged restore, which goes on and is proven', async ({
    kit,
    live,
  }) => {
    set(join(live, 'plain'), { 'user.a': '1' });
    const record = await kit.capture(filesOf(live));
    const indexId = await rewritten(kit, record, (entry) =>
      entry.xattrs === undefined
        ? entry
        : { ...entry, xattrs: { ...entry.xattrs, 'security.capability': 'AQAAAgAgAAAAAAAAAAAAAAAAAAA=' } },
    );
    const privileged = { ...record, indexId };
    const { notes } = await filesOf(live).stage(kit.context(privileged, 1001));
    expect(notes).toEqual([
      '1 of 2 extended attributes and ACLs (security.capability) could not be given back: Operation not permitted',
    ]);
    const probes = await filesOf(live).validate(kit.context(privileged, 2001));
    expect(failedProbes(probes)).toEqual([]);
    expect(probes.map(({ actual }) => actual)).toContain(
      '1 as captured, 1 that cannot be set here (security.capability)',
    );
  });
});

describe('a component that is one folder', () => {
  const cases = [
    {
      kind: 'models',
      plant: async (live: string) => writeTinyModel(join(live, 'tiny.gguf')),
      driver: (path: string) =>
        createModelsDriver({ ...common, id: 'models', kind: 'models', path, memoryLimit: 256 * 2 ** 20 }, environment),
      file: 'tiny.gguf',
    },
    {
      kind: 'vectorstore',
      plant: async (live: string) => writeStore(live),
      driver: (path: string) => createVectorstoreDriver(configOf(path), environment),
      file: 'metadata.json',
    },
  ];
  test.for(cases)(
    'D7, D2.7: $kind: attributes of the folder, of folders and files come back, and a lost one is named',
    async ({ plant, driver, file }, { kit, live }) => {
      await plant(live);
      await mkdir(join(live, 'more'));
      set(live, { 'user.root': '1' });
      set(join(live, 'more'), { 'user.folder': '2' });
      set(join(live, file), { 'user.file': '3' });
      execFileSync('setfacl', ['-m', 'u:65534:rx', '-m', 'd:u:65534:rx', live]);
      execFileSync('setfacl', ['-m', 'u:65534:r', join(live, file)]);
      const before = dumpOf(live);
      const record = await kit.capture(driver(live));
      expect(record.facts).toMatchObject({ attributes: 3 });
      await rm(live, { recursive: true });
      const probes = await kit.restore(driver(live), record);
      expect(failedProbes(probes)).toEqual([]);
      expect(dumpOf(live)).toBe(before);
      execFileSync('setfattr', ['-x', 'user.root', live]);
      execFileSync('setfattr', ['-x', 'user.file', join(live, file)]);
      expect(failedProbes(await driver(live).probe(kit.context(record, 4001)))).toEqual([
        'extended attributes and ACLs: 6 as captured <> 4 as captured',
        'attributes of the folder: user.root as captured <> user.root lost',
        `attributes of file ${file}: user.file as captured <> user.file lost`,
      ]);
    },
  );
});

function set(path: string, attributes: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(attributes)) {
    // `setfattr` passes over a `0s` with nothing behind it.
    const content = value === '' ? [] : ['-v', `0s${base64(value)}`];
    execFileSync('setfattr', ['-h', '-n', name, ...content, '--', path]);
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** What the system's own program says of a whole tree, in path order. */
function dumpOf(root: string): string {
  const dump = execFileSync('getfattr', ['-R', '-P', '-h', '-d', '-m', '^(user|system)', '--absolute-names', root]);
  return dump.toString('latin1').split('\n\n').toSorted().join('\n\n').trim();
}

async function attributesIn(kit: RestoreBench, { indexId }: ComponentRecord): Promise<Record<string, Attributes>> {
  const found: Record<string, Attributes> = {};
  for await (const { path, xattrs } of kit.repository.readIndex(indexId))
    if (xattrs !== undefined) found[path.slice(path.lastIndexOf('/') + 1)] = xattrs;
  return found;
}

/** A copy of an index with changed entries, without contents. */
async function rewritten(
  kit: RestoreBench,
  record: ComponentRecord,
  change: (entry: IndexEntry) => IndexEntry,
): Promise<string> {
  const writer = await kit.repository.writeComponent({
    backupId: await kit.repository.reserve(new Date(), `rewritten ${Math.random()}`),
    componentId: record.id,
    blockSize: 65_536,
  });
  for await (const entry of kit.repository.readIndex(record.indexId)) {
    const changed = change(entry);
    if (changed.type !== 'file') {
      await writer.add(changed);
      continue;
    }
    const content = Buffer.from((await kit.repository.readFile(record.indexId, entry.path)) ?? []);
    const { size, sha256: _sha256, blocks: _blocks, source: _source, ...meta } = changed;
    const file = await writer.open(meta, size);
    await file.write(content);
    await file.close();
  }
  return (await writer.finish()).indexId;
}
