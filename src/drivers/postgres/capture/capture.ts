/**
 * Reads a running server into the repository: a base backup with its WAL, the configuration from outside the data
 * directory, and the fingerprints by which a restore is proven.
 *
 *   probed database:   token · snapshot · measure tables ─┐              ┌─ second snapshot, measured where something changed
 *   replication:       facts ─────────────────────────────┘─ slot · BASE_BACKUP (start … stop) ─┘
 *
 * The restored server shows the state at the stop position, between both snapshots: earlier-rows.ts says what they prove of it.
 * May be called again and overlap: the slot is temporary, a token is one row more.
 */
import { randomBytes } from 'node:crypto';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { LeftOut } from '../../../domain/left-out.ts';
import { parseLsn } from '../../../domain/lsn.ts';
import { plural } from '../../../domain/plural.ts';
import type { WalArchive } from '../../../repository/repository.ts';
import type { CaptureContext, CaptureFacts, DriverEnvironment } from '../../driver.ts';
import { runBaseBackup } from './base-backup.ts';
import type { BaseBackupResult } from './base-backup.ts';
import { readOutsideConfig } from './config-files.ts';
import type { FoundConfig } from './config-files.ts';
import { addressOf, openServerSession, openSession } from '../server/connection.ts';
import type { Address, Session } from '../server/connection.ts';
import { describeLinks, findLinks, unseenLinks, type DataLink } from '../links/data-links.ts';
import { clearFacts, encodeFacts, factsPath, serverManifestPath } from '../facts.ts';
import type { Tablespace } from '../facts.ts';
import { engineFailure, sqlState } from '../server/failures.ts';
import { collectNotices } from './notices.ts';
import { readBrokenLines, readPending } from '../server/pending-settings.ts';
import { preflight } from './preflight.ts';
import { BackupReceiver } from './receive.ts';
import type { Received } from './receive.ts';
import { readConfigPaths, readServerFacts, readTablespaces } from '../server/server-facts.ts';
import type { ServerFacts } from '../server/server-facts.ts';
import { textSettings } from '../verify/text-settings.ts';
import { judgeSkipped } from './skipped.ts';
import { refuseTablespacePlaces } from '../links/tablespace-places.ts';
import { compareWal, compareWithManifest } from './server-manifest.ts';
import { beginProbedDatabase, readExtensions, type Expectations } from '../verify/probed-database.ts';
import { claimTimeline } from '../wal/history.ts';
import { otherWalSince } from '../wal/same-history.ts';
import { identify } from '../wal/session.ts';

/** Progress is told this often: a heartbeat every two seconds needs no more. */
const progressStepBytes = 4 * 1024 * 1024;
const dataCorrupted = 'XX001';

interface Capture {
  readonly address: Address;
  readonly config: PostgresConfig;
  readonly context: CaptureContext;
  /** Takes replication commands. */
  readonly replication: Session;
  readonly probed: Session;
}

export async function capturePostgres(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: CaptureContext,
): Promise<CaptureFacts> {
  const address = await addressOf(config, environment);
  const { signal } = context;
  const sessions: Session[] = [];
  try {
    const replication = await openServerSession(config, address, { replication: true, signal });
    sessions.push(replication);
    const { lockTimeoutMs } = environment;
    const probed = await openSession(address, config.id, { database: config.database, lockTimeoutMs, signal });
    sessions.push(probed);
    return await captureWith({ address, config, context, replication, probed });
  } catch (error) {
    signal.throwIfAborted();
    throw engineFailure(error, config.id, 'capture the server');
  } finally {
    await Promise.all(sessions.map((session) => session.end()));
  }
}

async function captureWith(capture: Capture): Promise<CaptureFacts> {
  const { config, context, replication, probed } = capture;
  const identity = await preflight(replication, config.id);
  const server = await readServerFacts(replication, config.id, config.user);
  const paths = await readConfigPaths(replication, config.id, config.user);
  // Before anything is copied: a restore that no longer sees this server must not take the number once more.
  const archive = context.repository.wal({
    component: config.id,
    systemId: identity.systemIdentifier,
    segmentBytes: server.walSegmentBytes,
  });
  const claimed = await claimTimeline(replication, archive, identity.timeline);
  const outside = await readOutsideConfig(
    { session: replication, component: config.id, role: config.user },
    paths,
    server.dataDirectory,
  );
  const pending = await readPending(replication);
  const broken = await readBrokenLines(replication);
  const seen = await findLinks(config.dataDirectory);
  const links = await describeLinks(
    seen ?? [],
    { dataDirectory: server.dataDirectory, configuration: outside.read, logDirectory: paths.logDirectory },
    { component: config.id, dataDirectory: config.dataDirectory },
  );
  const database = await beginProbedDatabase(probed, config, context.backupId);
  const capturedFrom = new Date();
  const copied = await copyServer(capture, server, links);
  const capturedUntil = new Date();
  const expectations = await database.conclude(context.signal);
  const taken = claimed ?? (await otherWal(capture, archive, copied));
  const facts = {
    ...server,
    ...identity,
    tablespaces: copied.tablespaces,
    timeline: copied.timeline,
    startLsn: copied.startLsn,
    stopLsn: copied.stopLsn,
    role: config.user,
    database: config.database,
    configFiles: outside.files.map((each) => each.file),
    links,
    configLinks: outside.links,
    extensions: await readExtensions(probed),
    unlogged: database.unlogged,
    tables: expectations.tables,
    ...(expectations.earlier === undefined ? {} : { earlier: expectations.earlier }),
    unmeasured: expectations.unmeasured.map(({ table, why }) => ({ table, why })),
    textSettings,
    withoutCasts: true as const,
    token: database.token,
    ...(taken === undefined ? {} : { timelineTaken: true }),
    notes: [
      ...(taken === undefined ? [] : [`${taken}: this point is restored as it is, never to a moment after it`]),
      ...(seen === undefined ? [unseenLinks(config.dataDirectory)] : []),
      ...database.notes,
      ...unmeasuredNotes(expectations),
      ...copied.corrupt.map((page) => `corrupt page: ${page}`),
    ],
  };
  [...copied.leftOut, ...outside.leftOut].forEach((left) => context.writer.leaveOut(left));
  await store(context, copied.received, outside.files, encodeFacts(facts));
  return {
    capturedFrom,
    capturedUntil,
    quiescence: expectations.earlier === undefined ? 'quiesced' : 'snapshot',
    suspect: copied.isSuspect,
    facts: {
      ...clearFacts(facts),
      ...(pending.length === 0 ? {} : { configDiffers: pending }),
      // Their texts may hold names and addresses.
      ...(broken.length === 0 ? {} : { configBroken: broken.length }),
    },
  };
}

/** Ends the session that copied: a server may have no more than two, and it reads the stream of a base backup only. */
async function otherWal(
  capture: Capture,
  archive: WalArchive,
  { timeline, startLsn }: Copied,
): Promise<string | undefined> {
  const { config, address, context, replication } = capture;
  const { flushedTo: endLsn } = await identify(replication);
  await replication.end();
  const { signal } = context;
  return otherWalSince(parseLsn(startLsn), { config, address, archive, timeline, endLsn, signal });
}

/** Names of tables stand in the sealed facts alone; a reason that the server gave may hold one. */
function unmeasuredNotes({ unmeasured }: Expectations): string[] {
  const reasons = unmeasured.map(({ kind }) => kind);
  return [...new Set(reasons)].map((why) => {
    const count = reasons.filter((each) => each === why).length;
    return `${plural(count, 'table')} without a fingerprint: ${why}`;
  });
}

interface Copied {
  readonly timeline: number;
  readonly startLsn: string;
  readonly stopLsn: string;
  readonly received: Received;
  readonly tablespaces: readonly Tablespace[];
  readonly isSuspect: boolean;
  /** Files and blocks whose checksum the server found wrong; it names the first few of each file. */
  readonly corrupt: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

/** The base backup itself, checked against the server's manifest and complete in its WAL. */
async function copyServer(capture: Capture, server: ServerFacts, links: readonly DataLink[]): Promise<Copied> {
  const { config, context, replication } = capture;
  const before = await readTablespaces(replication);
  refuseTablespacePlaces(before, server.dataDirectory, config.id);
  // Keeps the WAL from start to stop on the server until it was sent. Gone with the session, however it ends.
  await replication.rows(
    `CREATE_REPLICATION_SLOT lifeboat_${randomBytes(6).toString('hex')} TEMPORARY PHYSICAL RESERVE_WAL`,
  );
  const progress = progressOf(context);
  const receiver = new BackupReceiver(context.writer, config.id, progress.onBytes);
  const notices = collectNotices(replication.client, config.id);
  const result = await runBaseBackup(replication.client, receiver, {
    label: `lifeboat ${context.backupId}`,
    verifyChecksums: true,
    onSizes: progress.onSizes,
  });
  const stopLsn = completeOrThrow(result, config.id, notices.corrupt());
  const received = await receiver.finish();
  const { skipped, corrupt } = notices.end();
  const leftOut = await judgeSkipped(skipped, links, config);
  compareWithManifest(received, config.id);
  compareWal(received, { ...result, stopLsn }, server.walSegmentBytes, config.id);
  const tablespaces = sameTablespaces(before, await readTablespaces(replication), result.tablespaces, config.id);
  return {
    timeline: result.timeline,
    startLsn: result.startLsn,
    stopLsn,
    received,
    tablespaces,
    isSuspect: result.failure !== undefined,
    corrupt,
    leftOut,
  };
}

/**
 * A wrong checksum makes the server end in an error after everything was sent: copy, WAL, manifest and stop position.
 * Then nothing needs to be repeated, and the point is sealed as suspect.
 */
function completeOrThrow(result: BaseBackupResult, component: string, corrupt: readonly string[]): string {
  const { failure, stopLsn } = result;
  if (failure === undefined && stopLsn !== undefined) return stopLsn;
  if (failure !== undefined && sqlState(failure) === dataCorrupted && stopLsn !== undefined) return stopLsn;
  const pages = corrupt.length === 0 ? '' : `; corrupt pages: ${corrupt.join(', ')}`;
  throw engineFailure(failure ?? new Error('no stop position came'), component, `take a base backup${pages}`);
}

/**
 * A tablespace made or dropped while the copy ran would be replayed at recovery: there it would touch the live
 * tablespace's folder. SourceChanged then.
 */
function sameTablespaces(
  before: readonly Omit<Tablespace, 'bytes'>[],
  after: readonly Omit<Tablespace, 'bytes'>[],
  copied: BaseBackupResult['tablespaces'],
  component: string,
): Tablespace[] {
  const bytes = new Map(copied.filter(({ oid }) => oid !== '').map((tablespace) => [tablespace.oid, tablespace.bytes]));
  const isSame = [before, after].every(
    (list) => list.length === bytes.size && list.every((tablespace) => bytes.has(tablespace.oid)),
  );
  if (!isSame) {
    throw new LifeboatError('SourceChanged', 'a tablespace was made or dropped while the base backup ran', {
      component,
    });
  }
  return before.map((tablespace) => ({ ...tablespace, bytes: bytes.get(tablespace.oid) ?? 0 }));
}

function progressOf(context: CaptureContext) {
  let bytesTotal = 0;
  let told = 0;
  return {
    onSizes: (totalBytes: number) => {
      bytesTotal = totalBytes;
      context.onProgress({ phase: 'capture', bytesDone: 0, bytesTotal });
    },
    onBytes: (bytesDone: number) => {
      if (bytesDone - told < progressStepBytes) return;
      told = bytesDone;
      // The WAL comes on top of what the server counted.
      context.onProgress({ phase: 'capture', bytesDone, bytesTotal: Math.max(bytesTotal, bytesDone) });
    },
  };
}

async function store(
  context: CaptureContext,
  received: Received,
  outside: readonly FoundConfig[],
  facts: Uint8Array,
): Promise<void> {
  await context.writer.bytes(serverManifestPath, received.manifest);
  for (const { file, content } of outside) await context.writer.bytes(file.stored, content);
  await context.writer.bytes(factsPath, facts);
}
