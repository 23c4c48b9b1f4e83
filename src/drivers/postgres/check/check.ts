/** What `doctor` says of a server: each thing that a backup or a restore needs, with the exact line that brings it. */
import { lstat } from 'node:fs/promises';
import pg from 'pg';
import { existsSync } from 'node:fs';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { isLifeboatError, type ErrorCode } from '../../../domain/errors.ts';
import type { Target } from '../../../platform/target.ts';
import type { DriverEnvironment, RestoreTarget } from '../../driver.ts';
import { restoreTargetOf } from '../../swap/target.ts';
import { findPrograms } from '../server/programs.ts';
import { readOutsideConfig } from '../capture/config-files.ts';
import { addressOf, openServerSession, openSession } from '../server/connection.ts';
import type { Address, Session } from '../server/connection.ts';
import { checkToken, tokenFinding } from './check-token.ts';
import { describeLinks, findLinks, unseenLinks } from '../links/data-links.ts';
import { listTablesNow, type Hidden, type TableInfo } from '../verify/list-tables.ts';
import { ownerOf } from '../server/owner.ts';
import { hintForHidden, preflight } from '../capture/preflight.ts';
import { findPrepared } from '../server/prepared-transactions.ts';
import { readBrokenLines, readPending } from '../server/pending-settings.ts';
import { readConfigPaths, readServerFacts, readTablespaces } from '../server/server-facts.ts';
import { refuseTablespacePlaces } from '../links/tablespace-places.ts';
import { checkSlots } from '../wal/check-slots.ts';
import type { Finding } from '../../../domain/finding.ts';

/** Never throws: what fails is a finding. */
export async function checkPostgres(config: PostgresConfig, environment: DriverEnvironment): Promise<Finding[]> {
  const findings: Finding[] = [];
  const note = (finding: Finding) => void findings.push({ ...finding, name: `${config.id}: ${finding.name}` });
  const address = await attempt(note, 'password', () => addressOf(config, environment));
  if (address === undefined) return findings;
  const major = await checkReplication(config, address, note);
  await checkDatabase(config, address, note);
  await checkHost(config, environment.target, major, note);
  return findings;
}

type Note = (finding: Finding) => void;

async function checkReplication(config: PostgresConfig, address: Address, note: Note): Promise<number | undefined> {
  const session = await attempt(
    note,
    'replication',
    () => openServerSession(config, address, { replication: true }),
    connectHints(config),
  );
  if (session === undefined) return undefined;
  try {
    const identity = await attempt(note, 'server', () => preflight(session, config.id));
    if (identity === undefined) return undefined;
    note({
      name: 'replication',
      level: 'ok',
      text: `PostgreSQL ${identity.major}, role \`${config.user}\` may replicate`,
    });
    await checkSenders(session, note);
    const slots = await attempt(note, 'slots', () => checkSlots(session, config));
    slots?.forEach(note);
    const facts = await attempt(note, 'settings', () => readServerFacts(session, config.id, config.user));
    if (facts === undefined) return identity.major;
    if (!facts.checksums) {
      note({
        name: 'page checksums',
        level: 'warn',
        text: 'off: a damaged page is backed up unnoticed',
        hint: `with the server stopped: pg_checksums --enable -D '${config.dataDirectory}'`,
      });
    }
    await checkOutsideConfig(config, session, facts.dataDirectory, note);
    await checkTablespaces(config, session, facts.dataDirectory, note);
    await checkPending(session, note);
    (await attempt(note, 'prepared transactions', () => findPrepared(session)))?.forEach(note);
    return identity.major;
  } finally {
    await session.end();
  }
}

/** A base backup takes one sender, the WAL streamer another. */
async function checkSenders(session: Session, note: Note): Promise<void> {
  const row = await attempt(note, 'senders', () =>
    session.row(`SELECT current_setting('max_wal_senders') AS most, count(*)::text AS used FROM pg_stat_replication`),
  );
  if (row === undefined) return;
  const most = Number(row['most']);
  // Our own session is one of the used.
  const isEnough = most - Number(row['used']) >= 1;
  note({
    name: 'max_wal_senders',
    level: isEnough ? 'ok' : 'warn',
    text: `${row['used']} of ${most} are in use; two are needed`,
    ...(isEnough ? {} : { hint: `run: ALTER SYSTEM SET max_wal_senders = ${most + 2}; then restart the server` }),
  });
}

async function checkOutsideConfig(config: PostgresConfig, session: Session, dataDirectory: string, note: Note) {
  const outside = await attempt(note, 'configuration files', async () => {
    const paths = await readConfigPaths(session, config.id, config.user);
    const found = await readOutsideConfig({ session, component: config.id, role: config.user }, paths, dataDirectory);
    return { ...found, logDirectory: paths.logDirectory };
  });
  if (outside === undefined) return;
  const { files, read, leftOut, logDirectory } = outside;
  const text =
    files.length === 0 ? 'all in the data directory' : `${files.length} outside the data directory, readable`;
  note({ name: 'configuration files', level: 'ok', text });
  for (const { path, what } of leftOut) {
    const hint = `run as root: setfacl -m u:$(id -un):r '${path}'`;
    note({ name: 'configuration files', level: 'warn', text: `\`${path}\` is left out: an ${what}`, hint });
  }
  const roles = { dataDirectory, configuration: read, logDirectory };
  const name = 'links in the data directory';
  const found = await findLinks(config.dataDirectory);
  // One that is not here is told apart.
  if (found === undefined && existsSync(config.dataDirectory)) {
    const hint = 'let the worker read the data directory, which a restore needs anyway';
    note({ name, level: 'warn', text: unseenLinks(config.dataDirectory), hint });
  }
  for (const path of found ?? []) {
    const links = await attempt(note, name, () =>
      describeLinks([path], roles, { component: config.id, dataDirectory: config.dataDirectory }),
    );
    links?.forEach(({ target, purpose }) =>
      note({ name, level: 'ok', text: `\`${path}\` leads to \`${target}\` (${purpose}); the link is backed up` }),
    );
  }
}

async function checkTablespaces({ id }: PostgresConfig, session: Session, dataDirectory: string, note: Note) {
  await attempt(note, 'tablespaces', async () =>
    refuseTablespacePlaces(await readTablespaces(session), dataDirectory, id),
  );
}

async function checkPending(session: Session, note: Note): Promise<void> {
  const name = 'settings';
  const pending = (await attempt(note, name, () => readPending(session))) ?? [];
  if (pending.length > 0) {
    const text = `the next start will use other values of ${pending.join(', ')} than the server runs with`;
    note({ name, level: 'warn', text, hint: 'restart the server when it suits, or take the change back' });
  }
  for (const text of (await attempt(note, name, () => readBrokenLines(session))) ?? []) {
    note({
      name,
      level: 'fail',
      text,
      hint: 'correct the line: with it neither a restart nor a restore brings the server up',
    });
  }
}

async function checkDatabase(config: PostgresConfig, address: Address, note: Note): Promise<void> {
  const session = await attempt(
    note,
    'database',
    () => openSession(address, config.id, { database: config.database }),
    connectHints(config),
  );
  if (session === undefined) return;
  try {
    const tables = await attempt(note, 'tables', () => listTablesNow(session));
    if (tables === undefined) return;
    const hidden = tables.filter((table) => table.hidden !== undefined);
    if (tables.length === 0) {
      const text = `\`${config.database}\` has no table: an empty backup fails`;
      note({ name: 'database', level: 'fail', text, hint: `correct \`database\` of \`${config.id}\`` });
    } else if (hidden.length > 0) {
      for (const [why, count] of countBy(hidden.flatMap((table) => table.hidden ?? []))) {
        const nameless = why === 'its name is no text' ? ` (${namesOf(hidden, why)})` : '';
        const text = `${count} of ${tables.length} tables cannot be measured, a restore cannot be proven by them: ${why}${nameless}`;
        note({ name: 'database', level: 'warn', text, hint: hintForHidden(config.user, why) });
      }
    } else {
      note({ name: 'database', level: 'ok', text: `\`${config.database}\` has ${tables.length} tables, all readable` });
    }
    const token = await attempt(note, tokenFinding, () => checkToken(config, session));
    if (token !== undefined) note(token);
  } finally {
    await session.end();
  }
}

/** The first three. */
function namesOf(tables: readonly TableInfo[], why: Hidden): string {
  const names = tables.filter(({ hidden }) => hidden === why).map(({ table }) => `\`${table}\``);
  return names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ');
}

function countBy<Key>(keys: readonly Key[]): Map<Key, number> {
  const counts = new Map<Key, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

async function checkHost(config: PostgresConfig, target: Target, major: number | undefined, note: Note): Promise<void> {
  const live = await lstat(config.dataDirectory).catch(() => undefined);
  if (live === undefined) {
    note({
      name: 'data directory',
      level: 'warn',
      text: `\`${config.dataDirectory}\` is not there or not visible`,
      hint: 'set `dataDirectory` to where the server keeps its data on this host',
    });
  }
  const owner = await attempt(note, 'user', () => ownerOf(config, target));
  const [problem] = (await attempt(note, 'data directory', () => targetProblems(config))) ?? [];
  if (problem !== undefined) {
    const text = `can be captured, but not restored: ${problem.message}`;
    note({ name: 'data directory', level: 'warn', text, hint: problem.hint });
  } else if (owner !== undefined && live !== undefined) {
    note({ name: 'data directory', level: 'ok', text: `belongs to user ${owner.uid}, restores run as this user` });
  }
  if (major === undefined) return;
  const programs = await attempt(note, 'server programs', () => findPrograms(config, target, major));
  if (programs !== undefined)
    note({ name: 'server programs', level: 'ok', text: `PostgreSQL ${major} in ${programs.folder}` });
}

async function targetProblems({ dataDirectory }: PostgresConfig): Promise<RestoreTarget['problems']> {
  return (await restoreTargetOf({ live: dataDirectory, needBytes: 0 })).problems;
}

/** `hints` stand in for those of the catalogue where this place knows better. */
async function attempt<T>(
  note: Note,
  name: string,
  act: () => Promise<T>,
  hints: Partial<Record<ErrorCode, string>> = {},
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const hint = isLifeboatError(error) ? (hints[error.code] ?? error.hint) : 'see the log of the server';
    note({ name, level: 'fail', text, hint });
    return undefined;
  }
}

/** Only a refused login is corrected by pg_hba.conf; the catalogue's hint for a server that is down names this very check. */
function connectHints(config: PostgresConfig): Partial<Record<ErrorCode, string>> {
  const { id, hostname, port } = config;
  return {
    AuthFailed: loginHint(config),
    EngineUnavailable: `start PostgreSQL, or correct \`hostname\` (${hostname}) and \`port\` (${port}) of \`${id}\``,
  };
}

/** Over a socket the server sees no address. A replication session with a database needs no `replication` line. */
function loginHint(config: PostgresConfig): string {
  const { database } = config;
  const line = config.hostname.startsWith('/')
    ? `local ${database} ${config.user} scram-sha-256`
    : `host ${database} ${config.user} <this host's address>/32 scram-sha-256`;
  const role = pg.escapeIdentifier(config.user);
  return `pg_hba.conf needs: ${line} (then: SELECT pg_reload_conf();), and the password must fit: ALTER ROLE ${role} PASSWORD '…';`;
}
