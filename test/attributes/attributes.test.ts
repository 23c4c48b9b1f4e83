/** The real programs on a real file system. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test as base } from 'vitest';
import { compareAttributes } from '../../src/attributes/compare.ts';
import { formatDump, parseDump } from '../../src/attributes/dump.ts';
import { attributeKey, readAttributes } from '../../src/attributes/read.ts';
import { missingAttributeTools } from '../../src/attributes/tools.ts';
import { shedInheritedAcls, writeAttributes } from '../../src/attributes/write.ts';
import { faultOfAttributes, isCarried, type Attributes } from '../../src/domain/attributes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withoutPrograms } from './without-programs.ts';

/* oxlint-disable no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none. */
const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder('attributes');
    try {
      await use(folder.path);
    } finally {
      await folder.remove();
    }
  },
});
/* oxlint-enable no-empty-pattern */

const names = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .map((text) => `user.${text}`)
  .filter(isCarried);
const values = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const attributeSets: fc.Arbitrary<Attributes> = fc.dictionary(names, values, {
  minKeys: 1,
  maxKeys: 4,
  noNullPrototype: true,
});
/** Any bytes that a file may be called by. */
const fileNames = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x0a : byte))))
  .filter((name) => !['.', '..'].includes(name.toString('latin1')));

describe('attributes', () => {
  test('X18: any names and values come back from files whose names are any bytes, line feeds and quotes too', async ({
    folder,
  }) => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.record({ name: fileNames, attributes: attributeSets }), {
          minLength: 1,
          maxLength: 6,
          selector: ({ name }) => name.toString('latin1'),
        }),
        async (files) => {
          run += 1;
          const root = join(folder, String(run));
          await mkdir(root);
          const targets = files.map(({ name, attributes }) => ({
            path: Buffer.concat([Buffer.from(`${root}/`), name]),
            attributes,
            mode: 0o644,
          }));
          for (const { path } of targets) await writeFile(path, '');
          expect(await writeAttributes(targets)).toEqual({ names: [], reasons: [] });
          const { found, unread } = await readAttributes(targets.map(({ path }) => path));
          expect(unread).toEqual([]);
          for (const { path, attributes } of targets)
            expect(found.get(attributeKey(path))).toEqual({ carried: attributes, leftOut: [] });
          expect(await compareAttributes(targets)).toMatchObject({ unheld: [], lost: targets.map(() => []) });
        },
      ),
      { numRuns: 40, interruptAfterTimeLimit: 20_000 },
    );
  });

  test('the text form is its own inverse', () => {
    fc.assert(
      fc.property(fileNames, attributeSets, (path, attributes) => {
        const dump = parseDump(formatDump([{ path, attributes }]));
        const expected = Object.entries(attributes).map(([name, value]) => [
          Buffer.from(name).toString('latin1'),
          value,
        ]);
        expect([...dump].map(([key, found]) => [key, [...found]])).toEqual([[path.toString('latin1'), expected]]);
      }),
    );
  });

  test('an ACL is carried with its mask, and chmod after it changes nothing', async ({ folder }) => {
    const [one = '', two = ''] = ['one', 'two'].map((name) => join(folder, name));
    await writeFile(one, '', { mode: 0o640 });
    await writeFile(two, '', { mode: 0o640 });
    execFileSync('setfacl', ['-m', 'u:65534:rwx,g:65534:r,m::r', one]);
    const { found } = await readAttributes([Buffer.from(one)]);
    const attributes = found.get(one)?.carried ?? {};
    expect(Object.keys(attributes)).toEqual(['system.posix_acl_access']);
    const mode = (await stat(one)).mode & 0o7777;
    expect(await writeAttributes([{ path: Buffer.from(two), attributes, mode }])).toEqual({ names: [], reasons: [] });
    await chmod(two, mode);
    expect(aclOf(two)).toBe(aclOf(one));
    expect(aclOf(two)).toContain('user:65534:rwx');
  });

  test('a file that its owner may not write gets its attributes and keeps its mode', async ({ folder }) => {
    const path = join(folder, 'closed');
    await writeFile(path, '', { mode: 0o444 });
    const target = { path: Buffer.from(path), attributes: { 'user.a': 'AAEC' }, mode: 0o444 };
    expect(await writeAttributes([target])).toEqual({ names: [], reasons: [] });
    expect((await stat(path)).mode & 0o7777).toBe(0o444);
    expect((await compareAttributes([target])).same).toBe(1);
  });

  test('what an unprivileged process may not set is refused by name, the rest is set, and nobody calls it lost', async ({
    folder,
  }) => {
    const path = Buffer.from(join(folder, 'program'));
    await writeFile(path, '');
    const attributes = { 'security.capability': 'AQAAAgAgAAAAAAAAAAAAAAAAAAA=', 'user.a': 'AAEC' };
    expect(await writeAttributes([{ path, attributes, mode: 0o644 }])).toEqual({
      names: ['security.capability'],
      reasons: ['Operation not permitted'],
    });
    expect(await compareAttributes([{ path, attributes }])).toEqual({
      same: 1,
      unheld: ['security.capability'],
      lost: [[]],
    });
  });

  test('lost and changed attributes are told apart; a file system that holds none loses none', async ({ folder }) => {
    const path = Buffer.from(join(folder, 'file'));
    await writeFile(path, '');
    execFileSync('setfattr', ['-n', 'user.changed', '-v', 'new', path.toString()]);
    const attributes = { 'user.changed': 'b2xk', 'user.gone': '' };
    expect(
      await compareAttributes([
        { path, attributes },
        { path: Buffer.from('/proc/version'), attributes },
      ]),
    ).toEqual({
      same: 0,
      unheld: ['user.changed', 'user.gone'],
      lost: [
        [
          { name: 'user.changed', isAbsent: false },
          { name: 'user.gone', isAbsent: true },
        ],
        [],
      ],
    });
  });

  test('paths that are gone and links are passed over', async ({ folder }) => {
    const target = join(folder, 'target');
    await writeFile(target, '');
    execFileSync('setfattr', ['-n', 'user.a', '-v', '1', target]);
    await symlink(target, join(folder, 'link'));
    const paths = ['link', 'gone', 'target/below'].map((name) => Buffer.from(join(folder, name)));
    expect(await readAttributes(paths)).toEqual({ found: new Map(), unread: [] });
  });

  test('a folder sheds the ACLs that it took over from its parent', async ({ folder }) => {
    execFileSync('setfacl', ['-d', '-m', 'u:65534:rwx', folder]);
    const staging = join(folder, 'staging');
    await mkdir(staging, { mode: 0o700 });
    expect(aclOf(staging)).toContain('65534');
    await shedInheritedAcls(staging);
    await writeFile(join(staging, 'file'), '');
    expect(aclOf(staging) + aclOf(join(staging, 'file'))).not.toContain('65534');
  });

  test('a host without the programs, or with those of BusyBox, is told which one is missing', async ({ folder }) => {
    expect(await missingAttributeTools()).toBeUndefined();
    await withoutPrograms(folder, ['xargs'], async () => {
      expect(await missingAttributeTools()).toBe('`getfattr` is not installed');
    });
    const limited = '#!/bin/sh\necho "Usage: setfattr [-h] -n|-x ATTR [-v VALUE] FILE..." >&2\nexit 1\n';
    await withoutPrograms(folder, ['xargs', 'getfattr'], async (bin) => {
      await writeFile(join(bin, 'setfattr'), limited, { mode: 0o755 });
      expect(await missingAttributeTools()).toBe('`setfattr` does not know --restore');
    });
  });
});

describe('X18: what may stand as attributes of an entry', () => {
  const large = Buffer.alloc(65_537).toString('base64');
  test.each<readonly [string, unknown]>([
    ['are no object', 'user.a'],
    ['are no object', ['user.a']],
    ['which no backup carries', { 'trusted.overlay.opaque': 'eQ==' }],
    ['which no backup carries', { 'security.selinux': 'eQ==' }],
    ['which no backup carries', { 'user.': '' }],
    ['which no backup carries', { 'user.a\0b': '' }],
    ['which no backup carries', { [`user.${'ü'.repeat(126)}`]: '' }],
    ['which no backup carries', JSON.parse('{"__proto__":"AA=="}')],
    ['a value that is no base64', { 'user.a': '0x0' }],
    ['a value that is no base64', { 'user.a': 'AA==\nuser.b=0sAA==' }],
    ['a value that is no base64', { 'user.a': 7 }],
    ['with 65537 bytes', { 'user.a': large }],
    ['have 3', Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`user.${n}`, Buffer.alloc(65_000).toString('base64')]))],
  ])('attributes that %s are refused (%#)', (fault, value) => {
    expect(faultOfAttributes(value)).toContain(fault);
  });
});

function aclOf(path: string): string {
  return execFileSync('getfacl', ['-cn', '--absolute-names', path], { encoding: 'utf8' });
}
