/** The configuration of the private server: nothing of the live one's is read, nothing reaches the outside. */
import type { SealedFacts } from '../facts.ts';

/** Libraries without which tables of their kind cannot be read or replayed; all others stay out (pg_cron would run jobs). */
const allowedPreload = new Set(['timescaledb', 'citus', 'vchord', 'pg_search']);

export interface PrivatePaths {
  /** Folder of the socket, 0700. */
  readonly folder: string;
  readonly config: string;
  readonly hba: string;
  readonly ident: string;
}

export interface RecoveryGoal {
  readonly timeline: number;
  /** Where recovery stops; at the end of the WAL where absent. */
  readonly stopAt?: { readonly kind: 'time' | 'lsn' | 'name'; readonly value: string } | undefined;
}

/** Text of postgresql.conf. */
export function privateConfig(
  facts: SealedFacts,
  paths: PrivatePaths,
  goal: RecoveryGoal,
  restoreCommand: string,
): string {
  const settings: Record<string, string> = {
    listen_addresses: '',
    port: '5432',
    unix_socket_directories: paths.folder,
    unix_socket_permissions: '0700',
    hba_file: paths.hba,
    ident_file: paths.ident,
    ssl: 'off',
    archive_mode: 'off',
    archive_command: '',
    restore_command: restoreCommand,
    recovery_target_timeline: `${goal.timeline}`,
    ...(goal.stopAt === undefined
      ? {}
      : { [`recovery_target_${goal.stopAt.kind}`]: targetValue(goal.stopAt), recovery_target_action: 'promote' }),
    primary_conninfo: '',
    primary_slot_name: '',
    // Nobody reads during recovery, so it need not match or outgrow the source's limits while it replays.
    hot_standby: 'off',
    wal_level: 'replica',
    // All of it is made durable at once, when the server has ended (unsynced.ts).
    fsync: 'off',
    shared_buffers: '64MB',
    huge_pages: 'off',
    max_wal_size: '1GB',
    // What its log says is read by us too.
    lc_messages: 'C',
    autovacuum: 'off',
    max_logical_replication_workers: '0',
    shared_preload_libraries: preloadOf(facts.settings['shared_preload_libraries'] ?? ''),
    logging_collector: 'off',
    log_destination: 'stderr',
    cluster_name: 'lifeboat private',
    timezone: 'UTC',
    ...carried(facts.settings),
  };
  // Login triggers of the restored database would run on our session.
  if (facts.major >= 17) settings['event_triggers'] = 'off';
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('');
}

/** Whoever may enter the socket's folder is the server's own user or root. */
export const privateHba = 'local all all trust\n';

/** Lower limits than the source's end recovery of prepared transactions; the timestamps would be thrown away. */
function carried(settings: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(settings).filter(([name, value]) => name !== 'shared_preload_libraries' && value !== '');
  return Object.fromEntries(kept);
}

function preloadOf(libraries: string): string {
  const names = libraries.split(',').map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
  return names.filter((name) => allowedPreload.has(name)).join(',');
}

/** The server reads this setting before it knows the names of zones, `Z` among them. */
function targetValue({ kind, value }: NonNullable<RecoveryGoal['stopAt']>): string {
  return kind === 'time' ? value.replace('T', ' ').replace(/Z$/, '+00') : value;
}
