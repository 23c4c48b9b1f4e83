/** Indexes that are well sealed and say what no index may say: whoever reads them refuses them before anything is written. */
import type { FileEntry, IndexEntry, OtherEntry } from '../../src/domain/entry.ts';
import { Sealer } from '../../src/repository/frame.ts';
import { IndexWriter } from '../../src/repository/index-object.ts';
import type { Storage } from '../../src/storage/storage.ts';

const meta = { mode: 0o644, mtimeNs: '0', uid: 0, gid: 0 } as const;
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export const file = (path: string, more: Partial<FileEntry> = {}): FileEntry => ({
  ...meta,
  path,
  type: 'file',
  size: 0,
  sha256: empty,
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
const base64 = (text: string): string => Buffer.from(text).toString('base64');
/** What the types of the writer do not allow. */
const malformed = (entry: object): IndexEntry => entry as IndexEntry;

/** Each index begins with a file that is good. */
export const hostileIndexes: readonly (readonly [what: string, entries: readonly IndexEntry[]])[] = [
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
  ['has a hash that is none', [file('f', { sha256: `${empty} x` })]],
  ['has an attribute that no backup carries', [file('f', { xattrs: { 'trusted.overlay.opaque': 'eQ==' } })]],
  ['has an attribute that brings a second line', [file('f', { xattrs: { 'user.a': 'AA==\nuser.b=0sAA==' } })]],
  ['has an attribute that is too long', [file('f', { xattrs: { 'user.a': Buffer.alloc(70_000).toString('base64') } })]],
  ['has attributes that are none', [file('f', { xattrs: ['user.a'] as unknown as Record<string, string> })]],
  ['has attributes that are null', [malformed({ ...file('f'), xattrs: null })]],
  ['has bytes for its name that are null', [malformed({ ...file('f'), pathBase64: null })]],
  ['has bytes for its name that are no base64', [file('f', { pathBase64: 'YQ' })]],
  ['is a link whose bytes are a number', [malformed({ ...other('symlink', 's', 'x'), targetBase64: 5 })]],
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
export async function writeIndex(
  storage: Storage,
  entries: readonly IndexEntry[],
  component = 'files',
): Promise<string> {
  const index = new IndexWriter(storage, new Sealer(undefined), component);
  for (const entry of entries) await index.add(entry);
  await storage.commit([await index.finish([{ id: 'f'.repeat(64), size: 200 }])]);
  return index.id;
}
