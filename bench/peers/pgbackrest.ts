/** pgBackRest for PostgreSQL, tuned. The server archives to it while it backs up, and to nobody otherwise. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withClient } from '../../src/dev/appliance/seed/with-client.ts';
import { poll } from '../../src/dev/poll.ts';
import { LifeboatError } from '../../src/domain/errors.ts';
import { runCommand } from '../command.ts';
import type { DataSet } from '../data/data-set.ts';
import { passwordFile } from './sources.ts';
import type { Peer } from './peer.ts';

const tuning = {
  'process-max': '2',
  'compress-type': 'zst',
  'compress-level': '1',
  'start-fast': 'y',
  'repo1-bundle': 'y',
  'repo1-retention-full': '9',
};
const reloadMs = 10_000;

export interface PgbackrestPeer extends Peer {
  readonly repository: string;
  /** An empty repository with its stanza; not timed. */
  init(): Promise<void>;
  backup(type: 'full' | 'incr'): Promise<number>;
  /** The newest backup into an empty folder beside the live one; PostgreSQL is not started on it. */
  restore(): Promise<number>;
  clean(): Promise<void>;
}

export function pgbackrestPeer(data: DataSet, version: string): PgbackrestPeer {
  const folder = join(data.work, 'pgbackrest');
  const configFile = join(folder, 'pgbackrest.conf');
  const repository = join(folder, 'repository');
  const target = join(folder, 'target');
  const common = [`--config=${configFile}`, '--stanza=main'];
  const run = async (args: readonly string[]): Promise<number> =>
    (await runCommand('pgbackrest', [...common, ...args], { env: { PGPASSFILE: await passwordFile(data) } })).seconds;
  return {
    name: 'pgBackRest',
    version,
    flags: [
      'pgbackrest backup --type=full | incr',
      'restore: pgbackrest restore --pg1-path=EMPTY',
      Object.entries(tuning)
        .map(([name, value]) => `${name}=${value}`)
        .join(', '),
      'archive_mode=on; archive_command=`pgbackrest archive-push %p` while it backs up (reloaded, not timed), /bin/true otherwise; not encrypted (favours it)',
    ],
    repository,
    init: async () => {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      for (const path of [repository, join(folder, 'log'), join(folder, 'lock'), join(folder, 'spool')])
        await mkdir(path, { recursive: true });
      await writeFile(configFile, await configuration(data, folder, repository));
      await run(['stanza-create']);
    },
    backup: async (type) => {
      await archiveBy(data, `pgbackrest --config=${configFile} --stanza=main archive-push %p`);
      try {
        return await run(['backup', `--type=${type}`]);
      } finally {
        await archiveBy(data, '/bin/true');
      }
    },
    restore: async () => {
      await rm(target, { recursive: true, force: true, maxRetries: 5 });
      await mkdir(target, { recursive: true, mode: 0o700 });
      try {
        return await run(['restore', `--pg1-path=${target}`]);
      } finally {
        await rm(target, { recursive: true, force: true, maxRetries: 5 });
      }
    },
    clean: async () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

async function configuration({ sample }: DataSet, folder: string, repository: string): Promise<string> {
  const { rows } = await withClient(sample, 'postgres', async (client) =>
    client.query<{ folder: string }>(`select current_setting('unix_socket_directories') as folder`),
  );
  const general = {
    'repo1-path': repository,
    ...tuning,
    'log-path': join(folder, 'log'),
    'lock-path': join(folder, 'lock'),
    'spool-path': join(folder, 'spool'),
    'log-level-file': 'off',
  };
  const server = {
    'pg1-path': sample.folders.postgresData,
    'pg1-port': String(sample.ports.postgres),
    'pg1-user': 'postgres',
    'pg1-socket-path': rows[0]!.folder,
  };
  return `[global]\n${pairs(general)}\n[main]\n${pairs(server)}`;
}

function pairs(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Returns when the server has taken the command over: it is read on a reload some time later. */
async function archiveBy({ sample }: DataSet, command: string): Promise<void> {
  await withClient(sample, 'postgres', async (client) => {
    await client.query(`alter system set archive_command = '${command}'`);
    await client.query('select pg_reload_conf()');
    await poll(
      async () => {
        const { rows } = await client.query<{ command: string }>(
          `select current_setting('archive_command') as command`,
        );
        return rows[0]?.command === command ? true : undefined;
      },
      {
        timeoutMs: reloadMs,
        describe: () =>
          new LifeboatError('EngineFailed', `the server did not take over archive_command \`${command}\``),
      },
    );
  });
}
