/** Reads from a server what a restore must know of it. */
import { LifeboatError } from '../../../domain/errors.ts';
import type { Session } from './connection.ts';
import type { SealedFacts, Tablespace } from '../facts.ts';
import { grantSettings } from '../capture/preflight.ts';

/** Must be at least as high in the recovering server as in the captured one, or must be equal. */
const carriedSettings = [
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
  'track_commit_timestamp',
  'shared_preload_libraries',
] as const;

export type ServerFacts = Pick<
  SealedFacts,
  | 'serverVersion'
  | 'architecture'
  | 'walSegmentBytes'
  | 'blockBytes'
  | 'checksums'
  | 'settings'
  | 'superuser'
  | 'dataDirectory'
  | 'dataDirectoryMode'
  | 'collations'
>;

export interface ConfigPaths {
  readonly config: string;
  readonly hba: string;
  readonly ident: string;
  /** Certificates, keys and the like, as they are set: relative ones lie in the data directory. */
  readonly credentials: readonly string[];
  /** Each file in them is one more. */
  readonly credentialFolders: readonly string[];
  /** As it is set. */
  readonly logDirectory: string;
}

const credentialSettings = [
  'ssl_cert_file',
  'ssl_key_file',
  'ssl_ca_file',
  'ssl_crl_file',
  'ssl_dh_params_file',
  'krb_server_keyfile',
];

/** Over any session. PermissionDenied with the GRANT where the role may not see paths. */
export async function readServerFacts(session: Session, component: string, role: string): Promise<ServerFacts> {
  const server = await session.row(
    `SELECT version() AS version, current_setting('server_version') AS server_version,
            (SELECT setting::bigint * CASE unit WHEN '8kB' THEN 8192 ELSE 1 END
               FROM pg_settings WHERE name = 'wal_segment_size')::text AS segment_bytes,
            current_setting('block_size') AS block_bytes, current_setting('data_checksums') AS checksums,
            current_setting('data_directory_mode') AS mode,
            (SELECT rolname FROM pg_roles WHERE oid = 10) AS superuser`,
  );
  const settings = await session.rows(
    `SELECT name, setting FROM pg_settings WHERE name IN (${[...carriedSettings, 'data_directory']
      .map((name) => `'${name}'`)
      .join(', ')})`,
  );
  const byName = Object.fromEntries(settings.map((row) => [row['name'] ?? '', row['setting'] ?? '']));
  const dataDirectory = byName['data_directory'];
  if (dataDirectory === undefined) throw settingsHidden(component, role);
  return {
    serverVersion: server['server_version'] ?? '',
    architecture: / on ([^\s,]+)/.exec(server['version'] ?? '')?.[1] ?? '',
    walSegmentBytes: Number(server['segment_bytes']),
    blockBytes: Number(server['block_bytes']),
    checksums: server['checksums'] === 'on',
    // Only a superuser or pg_read_all_settings sees all of them; that one sees data_directory was checked above.
    settings: Object.fromEntries(carriedSettings.map((name) => [name, byName[name] ?? ''])),
    superuser: server['superuser'] ?? '',
    dataDirectory,
    dataDirectoryMode: Number.parseInt(server['mode'] ?? '0700', 8),
    collations: await readCollations(session),
  };
}

/** Tablespaces with a location of their own. */
export async function readTablespaces(session: Session): Promise<Omit<Tablespace, 'bytes'>[]> {
  const rows = await session.rows(
    `SELECT oid::text, spcname AS name, pg_tablespace_location(oid) AS location FROM pg_tablespace
      WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY oid`,
  );
  return rows.map((row) => ({ oid: row['oid'] ?? '', name: row['name'] ?? '', location: row['location'] ?? '' }));
}

/**
 * The version of each sorting library, as PostgreSQL itself compares it: another one may order texts differently, and
 * then indexes over texts are wrong.
 */
export async function readCollations(session: Session): Promise<Readonly<Record<string, string>>> {
  const rows = await session.rows(
    `SELECT provider, version FROM (
       SELECT collprovider AS provider, pg_collation_actual_version(oid) AS version,
              row_number() OVER (PARTITION BY collprovider ORDER BY (collname = 'en_US.utf8' OR collname = 'en-x-icu') DESC, collname) AS n
         FROM pg_collation WHERE collprovider IN ('c', 'i') AND collname NOT IN ('C', 'POSIX', 'default', 'C.UTF-8', 'C.utf8')
     ) each WHERE n = 1 AND version IS NOT NULL`,
  );
  return Object.fromEntries(rows.map((row) => [row['provider'] ?? '', row['version'] ?? '']));
}

/** Where the server reads its configuration. */
export async function readConfigPaths(session: Session, component: string, role: string): Promise<ConfigPaths> {
  const rows = await session.rows(
    `SELECT name, setting FROM pg_settings WHERE name IN ('config_file', 'hba_file', 'ident_file', 'log_directory', 'ssl_crl_dir',
       ${credentialSettings.map((name) => `'${name}'`).join(', ')})
       -- The default keytab is seldom there, and the server logs each file that it is asked for in vain.
       AND (name NOT LIKE 'krb%' OR source <> 'default')`,
  );
  const byName = new Map(rows.map((row) => [row['name'], row['setting'] ?? '']));
  const config = byName.get('config_file');
  const hba = byName.get('hba_file');
  const ident = byName.get('ident_file');
  if (config === undefined || hba === undefined || ident === undefined) throw settingsHidden(component, role);
  const credentials = credentialSettings
    .map((name) => (byName.get(name) ?? '').replace(/^FILE:/, ''))
    .filter((path) => path !== '');
  const credentialFolders = [byName.get('ssl_crl_dir') ?? ''].filter((path) => path !== '');
  return { config, hba, ident, credentials, credentialFolders, logDirectory: byName.get('log_directory') ?? 'log' };
}

function settingsHidden(component: string, role: string): LifeboatError {
  return new LifeboatError('PermissionDenied', `role \`${role}\` may not see where the server keeps its files`, {
    component,
    hint: `run as a superuser: ${grantSettings(role)}`,
  });
}
