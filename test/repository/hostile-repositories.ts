/**
 * Repositories that somebody attacked: made from a small real one by whoever may write its storage, and some by whoever has
 * the key as well. Each is met by Lifeboat and by `restore.sh`, and neither may give what was not backed up.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import type { FileEntry } from '../../src/domain/entry.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import type { ComponentRecord, Manifest } from '../../src/domain/recovery-point.ts';
import { digestOfBundle, encodeBundle } from '../../src/repository/bundle.ts';
import { digestOf, encodeDocument } from '../../src/repository/document.ts';
import { Opener, Sealer, frameKinds, frameOverhead, parseHeader } from '../../src/repository/frame.ts';
import { initRepository } from '../../src/repository/init.ts';
import { openSecrets, type KeySource } from '../../src/repository/keys.ts';
import { layout } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { Secrets } from '../../src/repository/secrets.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { reserve, sealRecords, testKey } from './backup.ts';

/** Larger than what shares frames, as is the rest of a file of 200,000 bytes. */
const blockSize = 131_072;

/** A copy that may be spoiled, and what whoever has the key needs to spoil it well. */
export interface Victim {
  /** The repository's folder. */
  readonly folder: string;
  /** Another repository of the same key, with other contents. */
  readonly foreign: string;
  readonly secrets: Secrets | undefined;
  readonly id: string;
  /** An older point. */
  readonly earlier: string;
  readonly record: ComponentRecord;
  /** The key of its pack: a bundle, and the blocks of its file of two, which do not compress. */
  readonly pack: string;
  /** The component of which nothing is changed. */
  readonly other: ComponentRecord;
}

export interface HostilePart {
  readonly what: string;
  readonly of: 'sealed' | 'open';
  readonly forge: (victim: Victim) => Promise<void>;
  readonly lifeboat: ErrorCode;
  /** What `restore.sh` says: of a manifest when it lists, of a component when it restores. */
  readonly script: string;
}

export interface HostileRepository extends Omit<HostilePart, 'lifeboat'> {
  /** What is given to both; by default what fits the repository. */
  readonly given?: KeySource;
  readonly lifeboat: ErrorCode | 'restores';
}

const key = (id: string): string => layout.manifest(id);
const read = async (victim: Victim, path: string): Promise<Buffer> => readFile(join(victim.folder, path));
const write = async (victim: Victim, path: string, bytes: string | Uint8Array): Promise<void> => {
  await mkdir(dirname(join(victim.folder, path)), { recursive: true });
  await writeFile(join(victim.folder, path), bytes);
};

const changed =
  (path: (victim: Victim) => string | Promise<string>, change: (bytes: Buffer, victim: Victim) => Uint8Array) =>
  async (victim: Victim): Promise<void> => {
    const at = await path(victim);
    await write(victim, at, change(await read(victim, at), victim));
  };

const flipped = (at: number) => (bytes: Buffer) => {
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  return bytes;
};
const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - 30);

/** The manifest as whoever has the key would write it, or anybody in an open repository. */
const resealed =
  (change: (manifest: Manifest) => object) =>
  async (victim: Victim): Promise<void> => {
    const { mac: _, ...manifest } = JSON.parse((await read(victim, key(victim.id))).toString()) as Manifest & {
      readonly mac: string;
    };
    await write(victim, key(victim.id), encodeDocument(key(victim.id), change(manifest), victim.secrets));
  };

const ofLifeboat =
  (change: (lifeboat: Manifest['lifeboat']) => object) =>
  (manifest: Manifest): object => ({ ...manifest, lifeboat: { ...manifest.lifeboat, ...change(manifest.lifeboat) } });
const firstComponent = (change: object) =>
  ofLifeboat(({ components: [first, ...others] }) => ({ components: [{ ...first, ...change }, ...others] }));

/** A manifest with JSON that no writer of ours writes, in the place of what begins with `raw:`. */
const resealedRaw =
  (change: (manifest: Manifest) => object) =>
  async (victim: Victim): Promise<void> => {
    await resealed(change)(victim);
    const text = (await read(victim, key(victim.id))).toString();
    const covered = text.slice(0, -80).replaceAll(/"raw:(.*?)"(?=[,\n\]])/g, (_, raw: string) =>
      // As the text of a text.
      String(JSON.parse(`"${raw}"`)),
    );
    const hash = victim.secrets === undefined ? createHash('sha256') : createHmac('sha256', victim.secrets.macKey);
    const mac = hash.update(`${key(victim.id)}\n${covered}`).digest('hex');
    await write(victim, key(victim.id), `${covered},\n  "mac": "${mac}"\n}\n`);
  };
const raw = (json: string): string => `raw:${json}`;

/** Other bytes for the component's index, which the manifest names truly. */
const withIndex =
  (change: (bytes: Buffer, victim: Victim) => Uint8Array | Promise<Uint8Array>, of: 'record' | 'other' = 'record') =>
  async (victim: Victim): Promise<void> => {
    const path = layout.index(victim[of].indexId);
    const bytes = await change(await read(victim, path), victim);
    await write(victim, path, bytes);
    await resealed((manifest) => ({
      ...manifest,
      backup_files: manifest.backup_files.map((each) =>
        each.path === path ? { ...each, size: bytes.length, checksum: digestOf(bytes) } : each,
      ),
    }))(victim);
  };

const framesOf = (bytes: Buffer): Buffer[] => {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length - 8;) {
    const { length } = parseHeader(bytes.subarray(at));
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return frames;
};

/** The lines of the index, changed and sealed anew. */
const relined = (
  change: (lines: readonly string[], victim: Victim) => readonly string[] | Promise<readonly string[]>,
  of: 'record' | 'other' = 'record',
) =>
  withIndex(async (bytes, victim) => {
    const text = new Opener(victim.secrets).open(bytes, frameKinds.index).toString();
    const lines = await change(text.slice(0, -1).split('\n'), victim);
    return new Sealer(victim.secrets).frame(frameKinds.index, Buffer.from(`${lines.join('\n')}\n`));
  }, of);

interface Head {
  readonly packs: Tables;
  readonly [member: string]: unknown;
}
type Ref = readonly [pack: number, offset: number, length: number, digest: string, plainLength: number, at?: number];

/** The first line of the index. */
const headed = (change: (head: Head) => object) =>
  relined(([head = '', ...lines]) => [JSON.stringify(change(JSON.parse(head) as Head)), ...lines]);

/** The references of one file, `blocks` or `text`: the one has frames of its own, the other shares one. */
const rereferenced = (path: 'blocks' | 'text', change: (refs: readonly Ref[], all: readonly FileEntry[]) => object) =>
  relined(([head = '', ...lines]) => {
    const entries = lines.map((line) => JSON.parse(line) as FileEntry);
    return [
      head,
      ...entries.map((entry) =>
        JSON.stringify(entry.path === path ? { ...entry, blocks: change(entry.blocks, entries) } : entry),
      ),
    ];
  });
const firstRef = (path: 'blocks' | 'text', change: (ref: Ref, all: readonly FileEntry[]) => unknown) =>
  rereferenced(path, ([ref, ...more], all) => [ref === undefined ? ref : change(ref, all), ...more]);
const atOf = ([, , , , , at]: Ref): number => at ?? 0;
const without = ([pack, offset, length, digest, plainLength]: Ref): Ref => [pack, offset, length, digest, plainLength];

/** Another pack with these frames, and an index that counts so many more entries. */
const withPack =
  (
    framesFrom: (sealer: Sealer) => readonly Buffer[],
    change: (lines: readonly string[], placed: readonly Placed[]) => readonly string[],
    more = 0,
  ) =>
  async (victim: Victim): Promise<void> => {
    const frames = framesFrom(new Sealer(victim.secrets));
    const bytes = Buffer.concat(frames);
    const pack = digestOf(bytes);
    await write(victim, layout.pack(pack), bytes);
    let offset = 0;
    const placed = frames.map(({ length }): Placed => {
      offset += length;
      return [7, offset - length, length];
    });
    await relined(([first = '', ...lines]) => {
      const head = JSON.parse(first) as Head;
      const entries = Number(head['entries']) + more;
      const packs = [...head.packs, [7, pack, bytes.length]];
      return [JSON.stringify({ ...head, packs, entries }), ...change(lines, placed)];
    })(victim);
  };
type Placed = readonly [pack: number, offset: number, length: number];

const emptyFile = (path: string): string =>
  JSON.stringify({ path, type: 'file', mode: 0o644, mtimeNs: '0', uid: 0, gid: 0, size: 0, blocks: [] });

/** All of its lines in a part; `text` becomes what the part holds, `ref` the reference to it. */
const inPart = (change: {
  readonly text?: (text: string, refs: readonly Ref[]) => string;
  readonly ref?: (ref: Ref) => unknown;
  readonly more?: number;
}) => {
  const { text = (lines) => lines, ref = (good) => good, more = 0 } = change;
  return async (victim: Victim): Promise<void> => {
    const index = await read(victim, layout.index(victim.record.indexId));
    const [, ...lines] = new Opener(victim.secrets).open(index, frameKinds.index).toString().split('\n');
    const refs = lines.flatMap((line) => (line === '' ? [] : (JSON.parse(line) as FileEntry).blocks));
    const plain = Buffer.from(text(lines.join('\n'), refs));
    await withPack(
      (sealer) => [sealer.frame(frameKinds.block, plain)],
      (_, [place = [0, 0, 0]]) => [JSON.stringify([ref([...place, digestOf(plain), plain.length])])],
      more,
    )(victim);
  };
};

/** The place of a file's only block in another pack, in a frame that `seal` makes of it. */
const elsewhere = (
  path: 'text',
  seal: (sealer: Sealer, content: Buffer) => Buffer,
  reference: (place: Placed, content: Buffer) => readonly unknown[],
) => {
  return async (victim: Victim): Promise<void> => {
    const content = Buffer.from(`${victim.record.id} of ${victim.id}`);
    await withPack(
      (sealer) => [seal(sealer, content)],
      (lines, [place = [0, 0, 0]]) =>
        lines.map((line) => {
          const entry = JSON.parse(line) as FileEntry;
          return entry.path === path ? JSON.stringify({ ...entry, blocks: [reference(place, content)] }) : line;
        }),
    )(victim);
  };
};

const inPack = (change: (bytes: Buffer, victim: Victim) => Uint8Array) => changed(({ pack }) => pack, change);
/** The place of the first whole block of the file, and the frames from there on. */
const wholeBlocks = (bytes: Buffer): { readonly at: number; readonly blocks: readonly Buffer[] } => {
  const frames = framesOf(bytes);
  const first = frames.findIndex((frame) => parseHeader(frame).plainLength === blockSize);
  return {
    at: frames.slice(0, first).reduce((sum, { length }) => sum + length, 0),
    blocks: frames.slice(first).filter((frame) => parseHeader(frame).plainLength === blockSize),
  };
};
const inBlock = (change: (block: Buffer, victim: Victim) => Uint8Array) =>
  inPack((bytes, victim) => {
    const { at, blocks } = wholeBlocks(bytes);
    // At the same place, so that the next one is found.
    const block = change(Buffer.from(blocks[0] ?? []), victim);
    bytes.set(block, at);
    return bytes;
  });

/** Another key record, which is tried before the good one. */
const keyRecord =
  (change: (record: Record<string, unknown>) => object) =>
  async (victim: Victim): Promise<void> => {
    const [name = ''] = await readdir(join(victim.folder, 'keys'));
    const record = JSON.parse((await read(victim, `keys/${name}`)).toString()) as Record<string, unknown>;
    await write(victim, 'keys/0000000000000000.json', JSON.stringify(change(record)));
  };

/** A first half, a second one, both in the wrong order, a pair, and what only looks like a half. */
const halves = String.raw`\ud83d-\uDE00-\ude00\uD83D-\ud83d\ude00-\\ud83d-\ud83d\\ude00-\ud83d\ud83d\ude00`;

/** What concerns all of it: each is met alone. */
export const hostileRepositories: readonly HostileRepository[] = [
  {
    what: 'the whole of it exchanged for an open one with the same points',
    of: 'sealed',
    forge: async ({ folder, foreign }) => {
      await rm(folder, { recursive: true });
      await cp(`${foreign}-open`, folder, { recursive: true });
    },
    lifeboat: 'RepositoryMismatch',
    script: 'a key was given, but repository.json says that this repository is not encrypted',
  },
  {
    what: 'the same, met with the passphrase',
    of: 'sealed',
    given: { mode: 'passphrase', passphrase: 'of somebody who has one' },
    forge: async ({ folder, foreign }) => {
      await rm(folder, { recursive: true });
      await cp(`${foreign}-open`, folder, { recursive: true });
    },
    lifeboat: 'RepositoryMismatch',
    script: 'a passphrase was given, but repository.json says that this repository is not encrypted',
  },
  {
    what: 'repository.json exchanged for one of an open repository, and no key given',
    of: 'sealed',
    given: { mode: 'none' },
    forge: async ({ folder, foreign }) => cp(`${foreign}-open/repository.json`, join(folder, 'repository.json')),
    lifeboat: 'ManifestInvalid',
    script: 'keys/ holds records of keys',
  },
  {
    what: 'repository.json of another repository with the same key',
    of: 'sealed',
    forge: async ({ folder, foreign }) => cp(join(foreign, 'repository.json'), join(folder, 'repository.json')),
    lifeboat: 'ObjectCorrupt',
    script: 'there is no record of a key for this repository',
  },
  {
    what: 'repository.json and keys of another repository with the same key',
    of: 'sealed',
    forge: async ({ folder, foreign }) => {
      for (const each of ['repository.json', 'keys'])
        await cp(join(foreign, each), join(folder, each), { recursive: true });
    },
    lifeboat: 'ManifestInvalid',
    script: 'does not authenticate',
  },
  {
    what: 'a flipped bit in repository.json',
    of: 'sealed',
    forge: changed(() => 'repository.json', flipped(-30)),
    lifeboat: 'ObjectCorrupt',
    script: 'repository.json does not authenticate',
  },
  {
    what: 'repository.json cut off',
    of: 'sealed',
    forge: changed(() => 'repository.json', cut),
    lifeboat: 'ObjectCorrupt',
    script: 'repository.json is damaged',
  },
  {
    what: 'repository.json empty',
    of: 'open',
    forge: changed(
      () => 'repository.json',
      () => Buffer.alloc(0),
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'repository.json is damaged',
  },
  {
    what: 'repository.json of a newer format',
    of: 'open',
    forge: changed(
      () => 'repository.json',
      (bytes) => Buffer.from(bytes.toString().replace('"format": 1', '"format": 2')),
    ),
    lifeboat: 'FormatTooNew',
    script: 'this repository has a newer format',
  },
  {
    what: 'repository.json with a format that is a text',
    of: 'open',
    forge: changed(
      () => 'repository.json',
      (bytes) => Buffer.from(bytes.toString().replace('"format": 1', '"format": "1 1"')),
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'repository.json is damaged',
  },
  {
    what: 'key records that are no JSON, of another repository, and a binary one beside the good one',
    of: 'sealed',
    forge: async (victim) => {
      await keyRecord((record) => ({ ...record, repository: '0'.repeat(32) }))(victim);
      await write(victim, 'keys/1111111111111111.json', '{"kind": "key"');
      await write(victim, 'keys/2222222222222222.json', Buffer.from([0, 10, 0xff, 9]));
    },
    lifeboat: 'restores',
    script: 'restores',
  },
  {
    what: 'a manifest whose sealed part is of another document',
    of: 'sealed',
    forge: resealed(ofLifeboat(() => ({ sealed: Buffer.alloc(120).toString('base64') }))),
    lifeboat: 'ManifestInvalid',
    script: 'has a sealed part that cannot be opened',
  },
  {
    what: 'halves of surrogate pairs in a manifest, its sealed part and an index',
    of: 'sealed',
    forge: async (victim) => {
      const sealer = new Sealer(victim.secrets);
      const failures = `[{"component":"files0","code":"x","message":"${halves}"}]`;
      const sealed = sealer.frame(frameKinds.details, Buffer.from(`{"failures":${failures}}`)).toString('base64');
      await relined((lines) => lines.map((line) => line.replace('"text"', `"${halves}"`)), 'other')(victim);
      await resealedRaw(ofLifeboat(() => ({ sealed, appliance: raw(`"${halves}"`) })))(victim);
    },
    lifeboat: 'restores',
    script: 'restores',
  },
];

/** Each would be a folder of another name, a line or an argument of its own. */
const hostileIds = ['../out', '.', '-x', 'a/b', 'a\nb', '$(id)', '\u001b[2J', 'x'.repeat(300)];

const chain = { base: '20261122_020000', timeline: 1, endLsn: '0/3000000', walBytes: 0, forecastSeconds: 0 };
const facts = { systemIdentifier: '7', timeline: 1, stopLsn: '0/2000000', walSegmentBytes: 2 ** 24 };
const database = (ofFacts: object, ofChain: object | undefined = {}): object => ({
  kind: 'postgres',
  facts: { ...facts, ...ofFacts },
  ...(ofChain !== undefined && { chain: { ...chain, ...ofChain } }),
});

/** A shell counts with these, and makes commands and names of files of them. */
const hostileDatabases: readonly (readonly [what: string, component: object])[] = [
  ['whose base ends at a command', database({ stopLsn: '0+a[$(touch${IFS}PWNED)]/0' })],
  ['whose base, with no chain, ends at a command', database({ stopLsn: 'a[$(touch${IFS}PWNED)]/0' }, undefined)],
  ['whose base ends beyond what is counted', database({ stopLsn: 'FFFFFFFF/0' })],
  ['whose base begins nowhere', database({ startLsn: '0' })],
  ['that does not say where its base ends', database({ stopLsn: undefined })],
  ['whose segments have no bytes', database({ walSegmentBytes: 0 })],
  ['whose segments have three bytes', database({ walSegmentBytes: 3 }, undefined)],
  ['whose segments are a text', database({ walSegmentBytes: '16777216' })],
  ['on a timeline that is a text', database({ timeline: '08' })],
  ['on a timeline of 33 bits', database({ timeline: 2 ** 32 })],
  ['on a timeline and a half', database({ timeline: 1.5 })],
  ['whose timeline is taken in words', database({ timelineTaken: 'true' })],
  ['of a system elsewhere', database({ systemIdentifier: '../../7' })],
  ['of no system', database({ systemIdentifier: '' })],
  ['of a base of no date', database({}, { base: '20260230_020000' })],
  ['of a base that is a line', database({}, { base: '20261122_020000\npoint x' })],
  ['whose point is on timeline 0', database({}, { timeline: 0 })],
  ['whose point is on a timeline of 33 bits', database({}, { timeline: 2 ** 32 })],
  ['whose point is beyond what is counted', database({}, { endLsn: '40000000/0' })],
  ['that is a folder of files', { ...database({}), kind: 'files' }],
];

/** Each of these becomes a line of a list. */
const hostileBodies: readonly (readonly [member: string, value: unknown])[] = [
  ['previous', { timestamp: '20261122_020000', digest: '0\npoint x' }],
  ['previous', { timestamp: 'x', digest: '0'.repeat(64) }],
  ['missing', ['20261122_020000 - x\npoint x']],
  ['missing', ['20261122_020000', '20261322_020000']],
  ['previous', { timestamp: '20261122_990000', digest: '0'.repeat(64) }],
  ['refuted', [{ timestamp: '../x', number: 1, levels: [], components: [], state: 'failed' }]],
];

const noDates = [
  '2026-13-01T02:00:00Z',
  '2026-02-29T02:00:00Z',
  '2026-11-31T02:00:00Z',
  '2026-11-22T24:00:00Z',
  '2026-11-22T02:60:00Z',
  '2026-11-22T02:00:60Z',
  '2026-11-22T02:00Z',
];

const nested = (levels: number): string => raw('['.repeat(levels) + ']'.repeat(levels));

/** A number that no double holds, or that is none in JSON; and what no parser of ours goes down into. */
const hostileJson: readonly (readonly [what: string, json: unknown])[] = [
  ['1e400', raw('1e400')],
  ['-1e400 deep in it', [{ a: [raw('-1e400')] }]],
  ['nan', raw('nan')],
  ['Infinity', raw('Infinity')],
  ['101 levels', nested(101)],
  ['300 levels', nested(300)],
  ['5000 levels', nested(5000)],
];

const members: readonly (readonly [member: string, change: (value: unknown) => (manifest: Manifest) => object])[] = [
  ['configuration', (value) => (manifest) => ({ ...manifest, configuration: { a: value } })],
  ['lifeboat.components', (value) => firstComponent({ facts: { a: value } })],
];

const hostileNumbers = ['1e400', '9007199254740992', '-1', 'nan'];

/** One manifest of each: all of them lie in one repository. */
export const hostileManifests: readonly HostilePart[] = [
  {
    what: 'a flipped bit in a manifest',
    of: 'sealed',
    forge: changed(({ id }) => key(id), flipped(40)),
    lifeboat: 'ManifestInvalid',
    script: 'DAMAGED OR FORGED',
  },
  {
    what: 'a manifest cut off',
    of: 'sealed',
    forge: changed(({ id }) => key(id), cut),
    lifeboat: 'ManifestInvalid',
    script: 'DAMAGED OR FORGED',
  },
  {
    what: 'an empty manifest',
    of: 'open',
    forge: changed(
      ({ id }) => key(id),
      () => Buffer.alloc(0),
    ),
    lifeboat: 'ManifestInvalid',
    script: 'DAMAGED OR FORGED',
  },
  {
    what: 'the manifest of another point under this key',
    of: 'sealed',
    forge: async (victim) => write(victim, key(victim.id), await read(victim, key(victim.earlier))),
    lifeboat: 'ManifestInvalid',
    script: 'DAMAGED OR FORGED',
  },
  {
    what: 'the manifest of another point under this key, authentic',
    of: 'open',
    forge: async (victim) => resealed((manifest) => ({ ...manifest, timestamp: victim.earlier }))(victim),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: timestamp',
  },
  {
    what: 'the manifest of another open repository',
    of: 'open',
    forge: resealed(ofLifeboat(() => ({ repositoryId: '0'.repeat(32) }))),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.repositoryId',
  },
  {
    what: 'a manifest without our part',
    of: 'open',
    forge: resealed((manifest) => ({ ...manifest, lifeboat: undefined })),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat',
  },
  {
    what: 'a manifest whose part is a text',
    of: 'open',
    forge: resealed((manifest) => ({ ...manifest, lifeboat: 'x' })),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat',
  },
  {
    what: 'a manifest of a newer format',
    of: 'sealed',
    forge: resealed(ofLifeboat(() => ({ format: 2 }))),
    lifeboat: 'FormatTooNew',
    script: 'NEWER FORMAT',
  },
  {
    what: 'a manifest whose index leads out of the repository',
    of: 'open',
    forge: resealed(firstComponent({ indexId: '../repository.json' })),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.components',
  },
  {
    what: 'a manifest that names a file outside of the repository',
    of: 'open',
    forge: resealed((manifest) => ({
      ...manifest,
      backup_files: [...manifest.backup_files, { filename: 'x', path: '../x', size: 1, checksum: '0'.repeat(64) }],
    })),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: backup_files',
  },
  {
    what: 'a manifest with a component of an unknown kind',
    of: 'open',
    forge: resealed(firstComponent({ kind: 'x' })),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.components',
  },
  {
    what: 'a manifest with two components of one name',
    of: 'sealed',
    forge: resealed(firstComponent({ id: 'other' })),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.components',
  },
  {
    what: 'a manifest with a position that is a command',
    of: 'open',
    forge: resealed(
      firstComponent({ chain: { base: 'x', timeline: 1, endLsn: '0/$(id)', walBytes: 0, forecastSeconds: 0 } }),
    ),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.components',
  },
  ...hostileIds.map((id): HostilePart => ({
    what: `a manifest with a component of the name ${JSON.stringify(id)}`,
    of: 'open',
    forge: resealed(firstComponent({ id })),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.components',
  })),
  ...hostileDatabases.map(([what, database]): HostilePart => ({
    what: `a manifest with a database ${what}`,
    of: 'open',
    forge: resealed(firstComponent(database)),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.components',
  })),
  ...hostileBodies.map(([member, value]): HostilePart => ({
    what: `a manifest with the ${member} ${JSON.stringify(value)}`,
    of: 'open',
    forge: resealed(ofLifeboat(() => ({ [member]: value }))),
    lifeboat: 'ManifestInvalid',
    script: `MALFORMED, or of another repository: lifeboat.${member}`,
  })),
  ...noDates.map((datetime): HostilePart => ({
    what: `a manifest of ${datetime}`,
    of: 'open',
    forge: resealed((manifest) => ({ ...manifest, datetime })),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: datetime',
  })),
  {
    what: 'a manifest that was begun at no time',
    of: 'open',
    forge: resealed(ofLifeboat(() => ({ startedAt: noDates[0] }))),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.startedAt',
  },
  {
    what: 'a manifest with a component of no time',
    of: 'open',
    forge: resealed(firstComponent({ capturedUntil: noDates[0] })),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.components',
  },
  {
    what: 'a manifest that does not say which workflow made it',
    of: 'open',
    forge: resealed(ofLifeboat(() => ({ workflow: undefined }))),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.workflow',
  },
  ...['0', '1.5', '"1"', '9007199254740993'].map((number): HostilePart => ({
    what: `a manifest with the number ${number}`,
    of: 'open',
    forge: resealedRaw(ofLifeboat(() => ({ sequence: raw(number) }))),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.sequence',
  })),
  ...hostileNumbers.map((number): HostilePart => ({
    what: `a manifest with a skew of ${number} s`,
    of: 'open',
    forge: resealedRaw(ofLifeboat(() => ({ skewSeconds: raw(number) }))),
    lifeboat: 'ManifestInvalid',
    script: number === 'nan' ? 'MALFORMED' : 'MALFORMED, or of another repository: lifeboat.skewSeconds',
  })),
  {
    what: 'a manifest with a forecast of 1e400 s',
    of: 'open',
    forge: resealedRaw(firstComponent(database({}, { forecastSeconds: raw('1e400') }))),
    lifeboat: 'ManifestInvalid',
    script: 'MALFORMED, or of another repository: lifeboat.components',
  },
  ...hostileJson.flatMap(([what, json]) =>
    members.map(([member, change]): HostilePart => ({
      what: `a manifest with ${what} in ${member}`,
      of: 'open',
      forge: resealedRaw(change(json)),
      lifeboat: 'ManifestInvalid',
      // Other versions of jq refuse a number or a nested text where they parse it.
      script: 'MALFORMED',
    })),
  ),
];

type Tables = readonly [first: readonly unknown[], ...more: readonly (readonly unknown[])[]];

const hostileTables: readonly (readonly [what: string, change: (packs: Tables) => unknown])[] = [
  ['that is none', () => 'x'],
  ['of one pack twice', ([first]) => [first, first]],
  [
    'with one number for two packs',
    ([[number, ...first]]) => [
      [number, ...first],
      [number, '0'.repeat(64), 9],
    ],
  ],
  ['with a number that is a text', ([[number, ...first]]) => [[String(number), ...first]]],
  ['with a number that is negative', ([[, ...first]]) => [[-1, ...first]]],
  ['with half a number', ([[, ...first]]) => [[0.5, ...first]]],
  ['with a number of 33 bits', ([first, ...more]) => [first, ...more, [2 ** 32, ...first.slice(1)]]],
  ['with a pack of no name', ([[number, , size]]) => [[number, '../x', size]]],
  ['with a pack of a size that is a text', ([[number, id, size]]) => [[number, id, String(size)]]],
  ['with a pack that is an object', ([[, id, size]]) => [{ id, size }]],
];

/** What one component needs: all of them are of one point. */
export const hostileComponents: readonly HostilePart[] = [
  {
    what: 'the index gone',
    of: 'sealed',
    forge: async ({ folder, record }) => rm(join(folder, layout.index(record.indexId))),
    lifeboat: 'ObjectMissing',
    script: 'is gone',
  },
  {
    what: 'a flipped bit in the index',
    of: 'sealed',
    forge: withIndex(flipped(200)),
    lifeboat: 'ObjectCorrupt',
    script: 'is damaged',
  },
  {
    what: 'the index cut off',
    of: 'sealed',
    forge: withIndex(cut),
    lifeboat: 'ObjectCorrupt',
    script: 'is damaged',
  },
  {
    what: 'an index of no bytes',
    of: 'open',
    forge: withIndex(() => Buffer.alloc(0)),
    lifeboat: 'ObjectCorrupt',
    script: 'is damaged',
  },
  ...(['sealed', 'open'] as const).flatMap((of): HostilePart[] => [
    {
      what: `an index with a second frame (${of})`,
      of,
      forge: withIndex((bytes) => Buffer.concat([bytes, bytes])),
      lifeboat: 'ObjectCorrupt',
      script: 'is damaged',
    },
    {
      what: `an index with a byte behind its frame (${of})`,
      of,
      forge: withIndex((bytes) => Buffer.concat([bytes, Buffer.alloc(1)])),
      lifeboat: 'ObjectCorrupt',
      script: 'is damaged',
    },
    {
      what: `a part whose block is another one (${of})`,
      of,
      forge: inPart({
        ref: ([pack, offset, length, , plainLength]) => [pack, offset, length, digestOf(Buffer.alloc(0)), plainLength],
      }),
      lifeboat: 'ObjectCorrupt',
      script: 'a part of indexes/',
    },
  ]),
  {
    what: 'the index of another component',
    of: 'sealed',
    forge: withIndex(async (_, victim) => read(victim, layout.index(victim.other.indexId))),
    lifeboat: 'ObjectCorrupt',
    script: 'refused: the index is another one',
  },
  {
    what: 'an index of a newer format',
    of: 'sealed',
    forge: headed((head) => ({ ...head, format: 2 })),
    lifeboat: 'FormatTooNew',
    script: 'has a newer format',
  },
  ...[0, '1', null, undefined].map((format): HostilePart => ({
    what: `an index of the format ${JSON.stringify(format)}`,
    of: 'open',
    forge: headed((head) => ({ ...head, format })),
    lifeboat: 'ManifestInvalid',
    script: 'refused: the index has a malformed first line',
  })),
  ...hostileTables.map(([what, change]): HostilePart => ({
    what: `an index with a table of packs ${what}`,
    of: 'open',
    forge: headed((head) => ({ ...head, packs: change(head.packs) })),
    lifeboat: 'ManifestInvalid',
    script: 'refused: the index has a malformed table of packs',
  })),
  {
    what: 'an index whose last line is cut off',
    of: 'sealed',
    forge: withIndex((bytes, { secrets }) =>
      new Sealer(secrets).frame(frameKinds.index, new Opener(secrets).open(bytes, frameKinds.index).subarray(0, -1)),
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'has a line that is cut off',
  },
  ...([1, -1] as const).map((more): HostilePart => ({
    what: `an index that counts ${more} more entries than it holds`,
    of: 'open',
    forge: headed(({ entries, ...head }) => ({ ...head, entries: Number(entries) + more })),
    lifeboat: 'ObjectCorrupt',
    script: 'holds other entries than it counts',
  })),
  {
    what: 'an index that is not sealed in a sealed repository',
    of: 'sealed',
    forge: withIndex((bytes, { secrets }) =>
      new Sealer(undefined).frame(frameKinds.index, new Opener(secrets).open(bytes, frameKinds.index)),
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'is damaged',
  },
  {
    what: 'an index in a frame of another kind',
    of: 'open',
    forge: withIndex((bytes) =>
      new Sealer(undefined).frame(frameKinds.wal, new Opener(undefined).open(bytes, frameKinds.index)),
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'is damaged',
  },
  {
    what: 'a part whose last line is cut off',
    of: 'sealed',
    forge: inPart({ text: (text) => text.slice(0, -1) }),
    lifeboat: 'ObjectCorrupt',
    script: 'has a line that is cut off',
  },
  {
    what: 'a part inside a part',
    of: 'sealed',
    forge: inPart({ text: (text, refs) => `${text}${JSON.stringify(refs)}\n`, more: 1 }),
    lifeboat: 'ManifestInvalid',
    script: 'refused: the index holds a line that is no entry',
  },
  {
    what: 'a part with an empty line',
    of: 'open',
    forge: inPart({ text: (text) => `${text}\n`, more: 1 }),
    lifeboat: 'ManifestInvalid',
    script: 'refused: the index holds a line that is no',
  },
  {
    what: 'a part with two entries in one line',
    of: 'open',
    forge: inPart({ text: (text) => `${text}${emptyFile('a')}${emptyFile('b')}\n`, more: 1 }),
    lifeboat: 'ManifestInvalid',
    script: 'refused: the index holds a line that is no JSON',
  },
  {
    what: 'a part of which the index counts other entries',
    of: 'open',
    forge: inPart({ text: (text) => `${text}${emptyFile('a')}\n` }),
    lifeboat: 'ObjectCorrupt',
    script: 'holds other entries than it counts',
  },
  {
    what: 'a part that is said to share its frame',
    of: 'open',
    forge: inPart({ ref: (ref) => [...ref, 8] }),
    lifeboat: 'ObjectCorrupt',
    script: 'a part of indexes/',
  },
  {
    what: 'a block that is said to lie outside of what it shares',
    of: 'sealed',
    forge: firstRef('text', (ref) => [...without(ref), atOf(ref) + 100_000]),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: text: block',
  },
  {
    what: 'a block that is said to end outside of what it shares',
    of: 'open',
    forge: elsewhere(
      'text',
      (sealer, content) => sealer.frame(frameKinds.bundle, encodeBundle([content.length], content)),
      (place, content) => [...place, digestOf(content), content.length, 9],
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: text: block',
  },
  {
    what: 'a block with the digest of another one that shares its frame',
    of: 'sealed',
    forge: firstRef('text', (ref, all) => {
      const { blocks: [more] = [] } = all.find(({ path }) => path === 'more') ?? {};
      return [...ref.slice(0, 3), more?.[3], ...ref.slice(4)];
    }),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: text: block',
  },
  {
    what: 'a block with the digest of another one',
    of: 'open',
    forge: rereferenced('blocks', ([one, two]) => [[...(one ?? []).slice(0, 3), two?.[3], one?.[4]], two]),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a block that shares a frame, named as if it had one of its own',
    of: 'sealed',
    forge: firstRef('text', without),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: text: block',
  },
  {
    what: 'a block with a frame of its own, named as if it shared one',
    of: 'open',
    forge: firstRef('blocks', (ref) => [...ref, 8]),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a frame that is one byte shorter than it is said to be',
    of: 'open',
    forge: firstRef('text', ([pack, offset, length, ...more]) => [pack, offset, length + 1, ...more]),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: text: block',
  },
  {
    what: 'a block that is followed by others in a frame of its own',
    of: 'open',
    forge: elsewhere(
      'text',
      (sealer, content) => sealer.frame(frameKinds.block, Buffer.concat([content, Buffer.from('x')])),
      (place, content) => [...place, digestOf(content), content.length],
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: text: block',
  },
  ...(['sealed', 'open'] as const).map((of): HostilePart => ({
    what: `a shared frame that is larger than any (${of})`,
    of,
    forge: elsewhere(
      'text',
      (sealer, content) => {
        const others = Buffer.alloc(4 * 1024 * 1024);
        return sealer.frame(
          frameKinds.bundle,
          encodeBundle([content.length, others.length], Buffer.concat([content, others])),
        );
      },
      (place, content) => [...place, digestOf(content), content.length, 12],
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: text: block',
  })),
  {
    what: 'a flipped bit in a shared frame',
    of: 'sealed',
    forge: async (victim) => {
      const index = new Opener(victim.secrets).open(
        await read(victim, layout.index(victim.record.indexId)),
        frameKinds.index,
      );
      const entries = index.toString().trimEnd().split('\n').slice(1);
      const text = entries.map((line) => JSON.parse(line) as FileEntry).find(({ path }) => path === 'text');
      const [, offset = 0, , , , at = 0] = text?.blocks[0] ?? [];
      await inPack(flipped(offset + 76 + at))(victim);
    },
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: text: block',
  },
  {
    what: 'a pack gone',
    of: 'sealed',
    forge: async ({ folder, pack }) => rm(join(folder, pack)),
    lifeboat: 'ObjectMissing',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a pack cut off',
    of: 'sealed',
    forge: inPack((bytes) => bytes.subarray(0, 1000)),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a flipped bit in a block',
    of: 'sealed',
    forge: inBlock(flipped(500)),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a flipped bit in a block of an open repository',
    of: 'open',
    forge: inBlock(flipped(500)),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'another block of the same length in its place',
    of: 'sealed',
    forge: inBlock((block, { secrets }) =>
      new Sealer(secrets).frame(frameKinds.block, randomBytes(parseHeader(block).plainLength)),
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a block in a frame of another kind',
    of: 'sealed',
    forge: inBlock((block, { secrets }) =>
      new Sealer(secrets).frame(frameKinds.wal, new Opener(secrets).open(block, frameKinds.block)),
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a block that is not sealed in a sealed repository',
    of: 'sealed',
    forge: inBlock((block, { secrets }) =>
      new Sealer(undefined).frame(frameKinds.block, new Opener(secrets).open(block, frameKinds.block)),
    ),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a block with unknown flags',
    of: 'open',
    forge: inBlock((block) => {
      block[5] = 4;
      return block;
    }),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a block that unpacks to far more than it says',
    of: 'open',
    forge: inBlock((block) => {
      block[5] = 2;
      zstdCompressSync(Buffer.alloc(2 ** 28)).copy(block, 76);
      return block;
    }),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
  {
    what: 'a block that claims four gigabytes',
    of: 'open',
    forge: inBlock((block) => {
      block.writeUInt32BE(2 ** 32 - 1, 8);
      block.writeUInt32BE(2 ** 32 - 1, 12);
      return block;
    }),
    lifeboat: 'ObjectCorrupt',
    script: 'damaged: blocks: block',
  },
];

/** A bundle whose lengths say something else: who restores does not read them, a verification does. */
export const withOtherLengths = elsewhere(
  'text',
  (sealer, content) => {
    const plain = encodeBundle([content.length + 5], content);
    const frame = Buffer.alloc(plain.length + frameOverhead);
    const digest = digestOfBundle(createHash('sha256').update(content).digest());
    return frame.subarray(0, sealer.seal({ kind: frameKinds.bundle, plain, digest, level: 1 }, frame, 0));
  },
  (place, content) => [...place, digestOf(content), content.length, 8],
);

export interface Originals {
  readonly sealed: Original;
  readonly open: Original;
}

/** With a component for each part that is spoiled: `Victim` is one of them. */
export type Original = Omit<Victim, 'record' | 'pack'> & {
  readonly parts: readonly Pick<Victim, 'record' | 'pack'>[];
};

export const partOf = ({ parts, ...original }: Original, at: number): Victim => {
  const part = parts[at];
  if (part === undefined) throw new Error(`component ${at} was not captured`);
  return { ...original, ...part };
};

/** One repository of each kind, and a sealed and an open one besides that were made with the same key. */
export async function makeOriginals(folder: string): Promise<Originals> {
  const source = join(folder, 'source');
  await mkdir(join(source, 'sub'), { recursive: true });
  await writeFile(join(source, 'sub/.env'), 'password=ours', { mode: 0o600 });
  const foreign = join(folder, 'foreign');
  await makeOne(foreign, testKey, 1);
  await makeOne(`${foreign}-open`, { mode: 'none' }, 1);
  const count = (kind: HostilePart['of']): number => hostileComponents.filter(({ of }) => of === kind).length;
  const sealed = await makeOne(join(folder, 'sealed'), testKey, count('sealed'), source);
  const open = await makeOne(join(folder, 'open'), { mode: 'none' }, count('open'), source);
  return { sealed: { ...sealed, foreign }, open: { ...open, foreign } };
}

async function makeOne(
  folder: string,
  source: KeySource,
  count: number,
  tree?: string,
): Promise<Omit<Original, 'foreign'>> {
  const storage = createLocalStorage(folder);
  const { repository } = await initRepository(storage, source);
  const secrets = source.mode === 'none' ? undefined : await openSecrets(storage, source, repository.id);
  const seal = async (minutes: number, components: readonly string[]) => {
    const id = await reserve(repository, new Date(Date.UTC(2026, 10, 22, 2, minutes)));
    const parts: Original['parts'][number][] = [];
    for (const component of components) parts.push(await capture(repository, { id, component, tree }));
    const records = parts.map(({ record }) => record);
    await sealRecords(repository, id, records);
    await repository.closeIntent(id);
    return { id, parts };
  };
  const earlier = await seal(0, ['files0']);
  const names = Array.from({ length: count }, (_, at) => `files${at}`);
  const { id, parts } = await seal(1, [...names, 'other']);
  await repository.close();
  const other = parts.at(-1)?.record;
  if (other === undefined) throw new Error('no component was captured');
  return { folder, secrets, id, earlier: earlier.id, parts: parts.slice(0, -1), other };
}

interface Captured {
  readonly id: string;
  readonly component: string;
  readonly tree: string | undefined;
}

async function capture(repository: Repository, { id, component, tree }: Captured): Promise<Original['parts'][number]> {
  const time = new Date().toISOString();
  const known = await packsOf(repository);
  const writer = await repository.writeComponent({ backupId: id, componentId: component, blockSize });
  // At one time, so that the small ones share a frame.
  const work = ['text', 'more'].map(async (path) => {
    const text = path === 'text' ? `${component} of ${id}` : `more of ${component}`;
    await writer.bytes(path, Buffer.from(text));
  });
  if (tree !== undefined && component !== 'other') {
    const meta = { mode: 0o644, mtimeNs: '1700000000000000000', uid: 0, gid: 0, type: 'file' } as const;
    await writeFile(join(tree, 'blocks'), randomBytes(200_000));
    for (const path of ['sub/.env', 'blocks']) work.push(writer.fromDisk({ ...meta, path }, join(tree, path)).then());
  }
  await Promise.all(work);
  const { indexId, files, bytes, storedBytes } = await writer.finish();
  const stored = await packsOf(repository);
  const record: ComponentRecord = {
    id: component,
    kind: 'files',
    host: 'main',
    indexId,
    files,
    bytes,
    storedBytes,
    capturedFrom: time,
    capturedUntil: time,
    quiescence: 'quiesced',
    suspect: false,
    facts: {},
  };
  return { record, pack: stored.find((key) => !known.includes(key)) ?? '' };
}

/** Each component that is captured anew gets a pack of its own. */
async function packsOf({ storage }: Repository): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list(layout.packs)) keys.push(key);
  return keys;
}
