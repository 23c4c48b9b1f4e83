/**
 * What a capture knows beside the server's own files. It lies sealed in `.lifeboat/facts.json` of the component, for it
 * holds paths and content hashes; the manifest's clear facts are the few in `clearFacts`.
 */
import { LifeboatError } from '../../domain/errors.ts';
import { segmentSizes } from '../../domain/wal.ts';
import { reservedFolder } from '../../domain/entry.ts';
import type { JsonValue } from '../../domain/recovery-point.ts';
import { parseJson } from '../../json/parse-json.ts';
import { toJson } from '../../json/to-json.ts';
import type { RestoreContext } from '../driver.ts';
import type { DataLink } from './links/data-links.ts';
import type { Link } from './links/link-chain.ts';
import { passedOverSince, type Transactions } from './verify/passed-over.ts';

export const factsPath = `${reservedFolder}/facts.json`;

/** The server's own manifest, byte for byte. */
export const serverManifestPath = `${reservedFolder}/backup_manifest`;

/** Configuration from outside the data directory, below its absolute path. */
export const configFolder = `${reservedFolder}/config`;

const factsFormat = 1;
const notesInManifest = 10;

/** What a restored table must show. `hash` is null where the capture cannot know it. */
export interface TableExpectation {
  readonly table: string;
  readonly depth: Depth;
  readonly leastRows: string | null;
  readonly mostRows: string | null;
  readonly hash: string | null;
  /** Names and types. Points of older versions have none. */
  readonly columns?: readonly string[];
}

export type TextSettings = Readonly<Record<string, string>>;

export type Depth = 'content' | 'count' | 'sample';

export interface SealedFacts {
  readonly format: number;
  readonly major: number;
  readonly serverVersion: string;
  /** As in `version()`: `x86_64-pc-linux-gnu`. */
  readonly architecture: string;
  /** Decimal text: 64 bits. */
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** The number, or what is archived under it here, is not the server's own: no archived WAL follows this point. */
  readonly timelineTaken?: boolean;
  readonly startLsn: string;
  readonly stopLsn: string;
  readonly walSegmentBytes: number;
  readonly blockBytes: number;
  readonly checksums: boolean;
  /** Settings without which a private server does not recover, or loses data while it does. */
  readonly settings: Readonly<Record<string, string>>;
  /** The role that captured: it could log in and read the tables. */
  readonly role: string;
  /** Name of the role with oid 10. */
  readonly superuser: string;
  readonly database: string;
  /** The server's own view of its paths. */
  readonly dataDirectory: string;
  readonly dataDirectoryMode: number;
  readonly tablespaces: readonly Tablespace[];
  readonly configFiles: readonly ConfigFile[];
  /** Links in the data directory, which a base backup does not hold. Points of older versions have none. */
  readonly links?: readonly DataLink[];
  /** Links outside it through which the server reads its configuration. Points of older versions have none. */
  readonly configLinks?: readonly Link[];
  /** Versions of the libraries that sort texts, by provider letter: `c` libc, `i` ICU. */
  readonly collations: Readonly<Record<string, string>>;
  readonly extensions: readonly { readonly name: string; readonly version: string }[];
  /** Restored empty. */
  readonly unlogged: readonly string[];
  /** What whole tables must show: nothing changed in the server while it was copied. Points of older versions do not say whether. */
  readonly tables: readonly TableExpectation[];
  /** Where something changed, in place of `tables`. Points of older versions have none. */
  readonly earlier?: EarlierRows;
  /** Tables without a measure, and why. Points of older versions do not say. */
  readonly unmeasured?: readonly { readonly table: string; readonly why: string }[];
  /** What every setting was fixed to on which the text of a row depends. Points of older versions do not say. */
  readonly textSettings?: TextSettings;
  /** Casts of the application took no part in the text of a row. Points of older versions do not say. */
  readonly withoutCasts?: true;
  readonly token: { readonly backupId: string; readonly value: string } | null;
  /** Why there is no token, or which tables have no fingerprint. */
  readonly notes: readonly string[];
}

/** What tables must show of the rows from before the backup: they had changed since, or may have. */
export type EarlierRows = { readonly tables: readonly TableExpectation[] } & (
  | { readonly passedOver: readonly Transactions[] }
  /** Points of older versions hold the oldest transaction that ran at the first snapshot. */
  | { readonly before: string }
);

/** The transactions whose rows are passed over; undefined where all rows count. */
export function passedOverOf({ earlier }: Pick<SealedFacts, 'earlier'>): readonly Transactions[] | undefined {
  if (earlier === undefined) return undefined;
  return 'passedOver' in earlier ? earlier.passedOver : passedOverSince(earlier.before);
}

/** The tables of which something is expected. */
export function expectedTables({ tables, earlier }: Pick<SealedFacts, 'tables' | 'earlier'>): TableExpectation[] {
  return [...tables, ...(earlier?.tables ?? [])];
}

export interface Tablespace {
  readonly oid: string;
  readonly name: string;
  readonly location: string;
  /** As the server counted them for the base backup. */
  readonly bytes: number;
}

export interface ConfigFile {
  /** Absolute, without links. */
  readonly path: string;
  /** As the server, or a link in the data directory, names it, where that is a link itself. */
  readonly named?: string;
  /** Below the component. */
  readonly stored: string;
  /** Known where the worker sees the file itself. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Certificates and keys: one that is there may have been renewed since, and stays. */
  readonly onlyIfMissing?: true;
}

export function encodeFacts(facts: Omit<SealedFacts, 'format'>): Uint8Array {
  return Buffer.from(`${toJson({ format: factsFormat, ...facts }, 1)}\n`);
}

/** Reads the facts of a recovery point. ManifestInvalid where they are missing, FormatTooNew from a newer Lifeboat. */
export async function readFacts(context: Pick<RestoreContext, 'repository' | 'record'>): Promise<SealedFacts> {
  const { record, repository } = context;
  const bytes = await repository.readFile(record.indexId, factsPath);
  if (bytes === undefined) {
    throw new LifeboatError('ManifestInvalid', `the recovery point has no \`${factsPath}\``, { component: record.id });
  }
  const facts = parseJson(Buffer.from(bytes).toString('utf8')) as SealedFacts;
  requireKnownFormat(facts, record.id);
  requireTableNames(facts, record.id);
  requireTransactions(facts, record.id);
  requireSegmentSize(facts, record.id);
  return facts;
}

/** Schema and table as the server's `%I.%I` gives them, with quotes where one needs them. */
const tableName = /^(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")\.(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")$/;

/** They become part of what a superuser asks; of a repository that is not encrypted anybody who can write gives them. */
function requireTableNames(facts: SealedFacts, component: string): void {
  const wrong = expectedTables(facts).find(({ table }) => !tableName.test(table));
  if (wrong !== undefined)
    throw new LifeboatError('ManifestInvalid', `\`${factsPath}\` names a table ${JSON.stringify(wrong.table)}`, {
      component,
    });
}

const transactionNumber = /^\d{1,20}$/;

/** They become part of what a superuser asks, like the names. */
function requireTransactions({ earlier }: SealedFacts, component: string): void {
  if (earlier === undefined) return;
  const ranges: readonly unknown[] = 'passedOver' in earlier ? earlier.passedOver : [[earlier.before, earlier.before]];
  const wrong = ranges.find(
    (range) =>
      !Array.isArray(range) ||
      range.length !== 2 ||
      !range.every((number) => typeof number === 'string' && transactionNumber.test(number)) ||
      BigInt(range[0] as string) > BigInt(range[1] as string),
  );
  if (wrong !== undefined)
    throw new LifeboatError('ManifestInvalid', `\`${factsPath}\` passes over transactions ${JSON.stringify(wrong)}`, {
      component,
    });
}

/** Positions are divided by it. */
function requireSegmentSize({ walSegmentBytes: bytes }: SealedFacts, component: string): void {
  if (!segmentSizes.includes(bytes))
    throw new LifeboatError('ManifestInvalid', `\`${factsPath}\` has segments of ${JSON.stringify(bytes)} bytes`, {
      component,
    });
}

/** FormatTooNew from a newer Lifeboat. */
export function requireKnownFormat({ format }: SealedFacts, component: string): void {
  if (format > factsFormat)
    throw new LifeboatError('FormatTooNew', `\`${factsPath}\` has format ${format}, known is ${factsFormat}`, {
      component,
    });
}

/** For the manifest: no paths, no names of tables, no hashes. */
export function clearFacts(facts: Omit<SealedFacts, 'format'>): Record<string, JsonValue> {
  const tables = expectedTables(facts);
  return {
    engine: 'postgres',
    major: facts.major,
    serverVersion: facts.serverVersion,
    architecture: facts.architecture,
    systemIdentifier: facts.systemIdentifier,
    timeline: facts.timeline,
    ...(facts.timelineTaken === true ? { timelineTaken: true } : {}),
    startLsn: facts.startLsn,
    stopLsn: facts.stopLsn,
    blockBytes: facts.blockBytes,
    walSegmentBytes: facts.walSegmentBytes,
    checksums: facts.checksums,
    collations: facts.collations,
    extensions: facts.extensions.map((extension) => `${extension.name} ${extension.version}`),
    tablespaces: facts.tablespaces.map(({ oid, bytes }) => ({ oid, bytes })),
    tables: tables.length,
    tablesExact: tables.filter(({ hash }) => hash !== null).length,
    unloggedTables: facts.unlogged.length,
    configFiles: facts.configFiles.length,
    token: facts.token !== null,
    // A receipt has room for 4 KB; all of them lie in the sealed facts.
    notes: facts.notes.slice(0, notesInManifest),
  };
}
