/** Indexes that are well sealed and say what no index may say: whoever reads them refuses them before anything is written. */
import type { FileEntry, IndexEntry, OtherEntry } from '../../src/domain/entry.ts';
import { randomBytes } from 'node:crypto';
import { toJson } from '../../src/json/to-json.ts';
import { Sealer } from '../../src/repository/frame.ts';
import { encodeIndex } from '../../src/repository/index-object.ts';
import { layout } from '../../src/repository/layout.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { PackTable } from '../../src/repository/index-head.ts';

const meta = { mode: 0o644, mtimeNs: '0', uid: 0, gid: 0 } as const;
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export const file = (path: string, more: Partial<FileEntry> = {}): FileEntry => ({
  ...meta,
  path,
  type: 'file',
  size: 0,
  blocks: [],
  ...more,
});

export const other = (type: OtherEntry['type'], path: string, target?: string): OtherEntry => ({
  ...meta,
  path,
  type,
  ...(target !== undefined && { target }),
});

const block = (pack: number, offset: number): Partial<FileEntry> => ({
  size: 5,
  blocks: [[pack, offset, 100, empty, 5]],
});
const shared = (at: number): Partial<FileEntry> => ({ size: 5, blocks: [[0, 0, 100, empty, 5, at]] });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** What the types of the writer do not allow. */
const malformed = (entry: object): IndexEntry => entry as IndexEntry;

/** An entry, or a line as it stands. */
export type Line = IndexEntry | string;

/** Each index begins with a file that is good. */
export const hostileIndexes: readonly (readonly [what: string, lines: readonly Line[]])[] = [
  ['climbs out', [file('../escaped')]],
  ['climbs out in the middle', [file('a/../../escaped')]],
  ['is absolute', [file('/tmp/escaped')]],
  ['has an empty part', [file('a//b')]],
  ['has no name', [file('')]],
  ['has a zero byte', [file('a\0b')]],
  ['climbs out by its bytes', [file('fine', { pathBase64: base64('../escaped') })]],
  ['has a zero byte in its bytes', [file('fine', { pathBase64: base64('a\0b') })]],
  ['lies below a symbolic link that comes first', [other('symlink', 'd', '/tmp'), file('d/escaped')]],
  ['lies below a symbolic link that comes later', [file('d/escaped'), other('symlink', 'd', '/tmp')]],
  [
    'lies below a symbolic link by its bytes',
    [other('symlink', 'd', '/tmp'), file('x', { pathBase64: base64('d/escaped') })],
  ],
  ['is a folder below a symbolic link', [other('symlink', 'd', '/tmp'), other('directory', 'd/sub')]],
  ['is a hard link that climbs out', [other('hardlink', 'h', '../../etc/passwd')]],
  ['is a hard link to an absolute path', [other('hardlink', 'h', '/etc/passwd')]],
  ['is a hard link to a symbolic link', [other('symlink', 's', '/etc/passwd'), other('hardlink', 'h', 's')]],
  ['is a hard link to a folder', [other('directory', 'd'), other('hardlink', 'h', 'd')]],
  ['is a hard link to a hard link', [other('hardlink', 'g', 'first'), other('hardlink', 'h', 'g')]],
  ['is a hard link to nothing', [other('hardlink', 'h', 'nothing')]],
  [
    'is a hard link to what is not restored',
    [file('.lifeboat/facts.json'), other('hardlink', 'h', '.lifeboat/facts.json')],
  ],
  ['is of an unknown type', [malformed({ ...file('device'), type: 'device', target: 'x' })]],
  ['has no type', [malformed({ ...file('f'), type: undefined })]],
  ['has no time', [malformed({ ...file('f'), mtimeNs: undefined })]],
  ['has a time that is a command', [file('f', { mtimeNs: '0 $(id)' })]],
  ['has a mode that is no number', [malformed({ ...file('f'), mode: '0644 x' })]],
  ['has a negative owner', [file('f', { uid: -1 })]],
  ['is a link to nowhere', [malformed(other('symlink', 's'))]],
  ['is nothing', [malformed([])]],
  ['has no path', [malformed({ ...file('f'), path: undefined })]],
  ['names a pack that is not in the table', [file('f', block(3, 0))]],
  ['names bytes behind the end of a pack', [file('f', block(0, 1000))]],
  ['names a block that is larger than any', [file('f', { size: 2 ** 23, blocks: [[0, 0, 100, empty, 2 ** 23]] })]],
  ['names a negative offset', [file('f', block(0, -1))]],
  ['names a block that is none', [malformed({ ...file('f'), size: 5, blocks: [[0, 0, 100, 'x y', 5]] })]],
  ['claims another size than its blocks', [file('f', { size: 7 })]],
  ['names a place before what it shares', [file('f', shared(-1))]],
  ['names no place in what it shares', [file('f', shared(0))]],
  ['names half a place in what it shares', [file('f', shared(0.5))]],
  ['names a place in what it shares by a text', [malformed(file('f', shared('8' as unknown as number)))]],
  ['names null as its place in what it shares', [malformed(file('f', shared(null as unknown as number)))]],
  ['says too much of a block', [malformed({ ...file('f'), size: 5, blocks: [[0, 0, 100, empty, 5, 8, 8]] })]],
  ['has a hash that is null', [malformed({ ...file('f'), sha256: null })]],
  ['has a hash that is none', [file('f', { sha256: `${empty} x` })]],
  ['has an attribute that no backup carries', [file('f', { xattrs: { 'trusted.overlay.opaque': 'eQ==' } })]],
  ['has an attribute that brings a second line', [file('f', { xattrs: { 'user.a': 'AA==\nuser.b=0sAA==' } })]],
  ['has an attribute that is too long', [file('f', { xattrs: { 'user.a': Buffer.alloc(70_000).toString('base64') } })]],
  ['has attributes that are none', [file('f', { xattrs: ['user.a'] as unknown as Record<string, string> })]],
  ['has attributes that are null', [malformed({ ...file('f'), xattrs: null })]],
  ['has bytes for its name that are null', [malformed({ ...file('f'), pathBase64: null })]],
  ['has bytes for its name that are no base64', [file('f', { pathBase64: 'YQ' })]],
  ['is a link whose bytes are a number', [malformed({ ...other('symlink', 's', 'x'), targetBase64: 5 })]],
  ['is a part without blocks', ['[]']],
  ['is a part of what is no block', ['[5]']],
  ['is a part whose line is cut', [`[[0,0,100,"${empty}`]],
  ['is a part of a malformed block', [`[[0,0,100,"x y",5]]`]],
  ['is a part in a pack that is not in the table', [`[[3,0,100,"${empty}",5]]`]],
  ['is a part behind the end of a pack', [`[[0,1000,100,"${empty}",5]]`]],
  ['is a part whose block is larger than any', [`[[0,0,100,"${empty}",${2 ** 23}]]`]],
  ['is a part that shares its frame from nowhere', [`[[0,0,100,"${empty}",5,0]]`]],
  [
    'is a part that is larger than any',
    [JSON.stringify(Array.from({ length: 65 }, () => [0, 0, 100, empty, 2 ** 22]))],
  ],
  ['is no JSON', ['{"path":"f"']],
  ['is two entries in one line', [`${JSON.stringify(file('f'))}${JSON.stringify(file('g'))}`]],
  ['is an empty line', ['']],
  ['is a part behind a blank', [` [[0,0,100,"${empty}",5]]`]],
  ['is a link with attributes', [{ ...other('symlink', 's', '/etc/passwd'), xattrs: { 'user.a': 'AA==' } }]],
];

/** Two entries that cannot both be there: the product finds them when it writes, and overwrites nothing. */
export const clashingIndexes: readonly (readonly [what: string, entries: readonly IndexEntry[]])[] = [
  ['one name twice', [file('a'), file('a')]],
  ['one name twice, once by its bytes', [file('a'), file('x', { pathBase64: base64('a') })]],
  ['a file and a folder', [file('a'), other('directory', 'a')]],
  ['a file and what lies below it', [file('a'), file('a/b')]],
  ['a link and a file', [file('a'), other('symlink', 'a', '/etc/passwd')]],
];

/** Writes it and returns its id; it names one pack, which is nowhere. */
export async function writeIndex(storage: Storage, entries: readonly Line[], component = 'files'): Promise<string> {
  const packs = new Map([[0, { id: 'f'.repeat(64), size: 200 }]]);
  return putIndex(storage, { sealer: new Sealer(undefined), component, entries, packs });
}

/** The index of any entries, whole in its object. */
export async function putIndex(
  storage: Storage,
  {
    sealer,
    component,
    entries,
    packs,
  }: {
    readonly sealer: Sealer;
    readonly component: string;
    readonly entries: readonly Line[];
    readonly packs: PackTable;
  },
): Promise<string> {
  const id = randomBytes(16).toString('hex');
  const files = entries.filter((entry) => typeof entry === 'string' || entry.type === 'file');
  const head = { component, packs, entries: entries.length, files: files.length, bytes: 0, blocks: 0 };
  const lines = entries.map((entry) => (typeof entry === 'string' ? entry : toJson(entry)));
  await storage.putIfAbsent(layout.index(id), encodeIndex({ id, head, lines }, sealer));
  return id;
}
