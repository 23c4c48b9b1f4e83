/** Tells whether a stored base backup has everything that a recovery needs, from the repository alone. */
import { reservedFolder, type FileEntry } from '../../../domain/entry.ts';
import type { ProbeResult } from '../../../domain/recovery-point.ts';
import { fileName, Inspection, inspectFacts, readStored, type Stored } from '../../stored.ts';
import { hasControlChecksum, parseControlFile } from '../server/control-file.ts';
import { factsPath, requireKnownFormat, serverManifestPath, type SealedFacts } from '../facts.ts';
import { formatLsn, parseLsn } from '../../../domain/lsn.ts';
import {
  parseServerManifest,
  wrongFiles,
  wrongSegments,
  type ServerManifest,
  type WrongFile,
} from '../capture/server-manifest.ts';

const paths = {
  version: 'PG_VERSION',
  control: 'global/pg_control',
  label: 'backup_label',
  tablespaceMap: 'tablespace_map',
  manifest: serverManifestPath,
} as const;
const readPaths: readonly string[] = Object.values(paths);
const tablespaceFolder = 'pg_tblspc/';

/** Sizes, not contents: some 100 bytes a file. */
interface Found {
  /** The server's own files. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Lifeboat's, below the reserved folder. */
  readonly sealed: ReadonlySet<string>;
  readonly toRead: ReadonlyMap<string, FileEntry>;
  /** Oids of the tablespaces that have a folder. */
  readonly tablespaces: ReadonlySet<string>;
}

export async function inspectPostgres(stored: Stored): Promise<ProbeResult[]> {
  const inspection = new Inspection(stored.record.id);
  const facts = await inspectFacts<SealedFacts>(inspection, stored, {
    path: factsPath,
    lists: ['tablespaces', 'configFiles'],
    check: (read) => requireKnownFormat(read, stored.record.id),
  });
  if (facts === undefined) return inspection.results;
  const found = await findFiles(stored);
  const read = async (path: string): Promise<Buffer | undefined> => readStored(stored, found.toRead.get(path));
  inspectIdentity(inspection, stored, facts);
  inspectVersion(inspection, facts, await read(paths.version));
  inspectControl(inspection, facts, await read(paths.control));
  inspectLabel(inspection, facts, await read(paths.label));
  inspectFiles(inspection, facts, found, await read(paths.manifest));
  inspectWal(inspection, facts, found);
  inspectTablespaces(inspection, facts, found, await read(paths.tablespaceMap));
  for (const { stored: path } of facts.configFiles) {
    if (!found.sealed.has(path)) inspection.expect(fileName(path), 'there', 'absent');
  }
  return inspection.results;
}

async function findFiles({ repository, record, signal }: Stored): Promise<Found> {
  const sizes = new Map<string, number>();
  const sealed = new Set<string>();
  const toRead = new Map<string, FileEntry>();
  const tablespaces = new Set<string>();
  for await (const entry of repository.readIndex(record.indexId, signal)) {
    const { path } = entry;
    const [, tablespace] = path.startsWith(tablespaceFolder) ? path.split('/', 2) : [];
    if (tablespace !== undefined) tablespaces.add(tablespace);
    if (entry.type !== 'file') continue;
    if (readPaths.includes(path)) toRead.set(path, entry);
    if (path.startsWith(`${reservedFolder}/`)) sealed.add(path);
    else sizes.set(path, entry.size);
  }
  return { sizes, sealed, toRead, tablespaces };
}

/** The clear facts are what a plan goes by; the sealed ones what a restore does. */
function inspectIdentity(inspection: Inspection, { record }: Stored, facts: SealedFacts): void {
  const describe = (of: Readonly<Record<string, unknown>>): string =>
    `server ${String(of['systemIdentifier'])}, version ${String(of['major'])}, WAL ${String(of['startLsn'])} to ${String(of['stopLsn'])}`;
  inspection.expect(`${fileName(factsPath)} and the manifest`, describe(record.facts), describe({ ...facts }));
}

function inspectVersion(inspection: Inspection, facts: SealedFacts, content: Buffer | undefined): void {
  inspection.expect(
    fileName(paths.version),
    `${facts.major}`,
    content === undefined ? 'absent' : textOf(content.subarray(0, 20)).trim(),
  );
}

function inspectControl(inspection: Inspection, facts: SealedFacts, content: Buffer | undefined): void {
  const expected = `server ${facts.systemIdentifier}, checksum holds`;
  inspection.expect(fileName(paths.control), expected, describeControl(content));
}

function describeControl(content: Buffer | undefined): string {
  if (content === undefined) return 'absent';
  const control = parseControlFile(content);
  if (control === undefined) return `${content.length} bytes: too short`;
  return `server ${control.systemIdentifier}, checksum ${hasControlChecksum(content) ? 'holds' : 'is another'}`;
}

/** Without it, or with another position, recovery would begin at the wrong place and end in a broken database. */
function inspectLabel(inspection: Inspection, facts: SealedFacts, content: Buffer | undefined): void {
  const position = /^START WAL LOCATION: ([0-9A-F]+\/[0-9A-F]+)/m.exec(textOf(content))?.[1];
  const actual = position === undefined ? 'no position' : `WAL from ${normalLsn(position)}`;
  inspection.expect(
    fileName(paths.label),
    `WAL from ${normalLsn(facts.startLsn)}`,
    content === undefined ? 'absent' : actual,
  );
}

function inspectFiles(inspection: Inspection, facts: SealedFacts, { sizes }: Found, content: Buffer | undefined): void {
  const manifest = parseOrExplain(content);
  if (typeof manifest === 'string') {
    inspection.expect(fileName(paths.manifest), "the server's manifest, whole", manifest);
    return;
  }
  let right = manifest.Files.length;
  const listed = right;
  for (const file of wrongFiles(sizes, manifest)) {
    if (file.expectedBytes !== undefined) right -= 1;
    expectFile(inspection, file);
  }
  inspection.expect("files of the server's manifest", `${listed} as it lists them`, `${right} as it lists them`);
  inspection.expect(
    "WAL range of the server's manifest",
    `${normalLsn(facts.startLsn)} to ${normalLsn(facts.stopLsn)}`,
    walRangeOf(manifest),
  );
}

/** The range of WAL over all timelines that the manifest lists. */
function walRangeOf({ 'WAL-Ranges': ranges = [] }: ServerManifest): string {
  const byPosition = (a: bigint, b: bigint): number => (a < b ? -1 : Number(a > b));
  const start = ranges.map((range) => parseLsn(range['Start-LSN'])).toSorted(byPosition)[0];
  const end = ranges
    .map((range) => parseLsn(range['End-LSN']))
    .toSorted(byPosition)
    .at(-1);
  return start === undefined || end === undefined ? 'none' : `${formatLsn(start)} to ${formatLsn(end)}`;
}

function inspectWal(inspection: Inspection, facts: SealedFacts, { sizes }: Found): void {
  let isWhole = true;
  for (const file of wrongSegments(sizes, facts, facts.walSegmentBytes)) {
    isWhole = false;
    expectFile(inspection, file);
  }
  const range = `${facts.startLsn} to ${facts.stopLsn}`;
  inspection.expect('WAL', `${range} whole`, isWhole ? `${range} whole` : 'incomplete');
}

function inspectTablespaces(
  inspection: Inspection,
  facts: SealedFacts,
  { tablespaces }: Found,
  map: Buffer | undefined,
): void {
  if (facts.tablespaces.length === 0 && tablespaces.size === 0) return;
  const known = facts.tablespaces.map(({ oid }) => oid).toSorted();
  const mapped = textOf(map)
    .split('\n')
    .flatMap((line) => /^(\d+) /.exec(line)?.[1] ?? []);
  inspection.expect('folders of tablespaces', known.join(', '), [...tablespaces].toSorted().join(', '));
  inspection.expect(fileName(paths.tablespaceMap), known.join(', '), mapped.toSorted().join(', '));
}

function expectFile(inspection: Inspection, { path, expectedBytes, actualBytes }: WrongFile): void {
  const describe = (bytes: number | undefined): string => (bytes === undefined ? 'absent' : `${bytes} bytes`);
  inspection.expect(fileName(path), describe(expectedBytes), describe(actualBytes));
}

function parseOrExplain(content: Buffer | undefined): ServerManifest | string {
  if (content === undefined) return 'absent';
  try {
    return parseServerManifest(content);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function normalLsn(text: string): string {
  return formatLsn(parseLsn(text));
}

function textOf(content: Buffer | undefined): string {
  return content === undefined ? '' : content.toString('utf8');
}
