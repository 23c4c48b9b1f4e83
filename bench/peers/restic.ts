/** restic for everything but PostgreSQL. Redis gives its snapshot first, as Lifeboat's time contains Redis's too. */
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { runCommand, runScript } from '../command.ts';
import type { DataSet } from '../data/data-set.ts';
import type { Peer } from './peers.ts';
import { clientEnvironment } from './sources.ts';

const backupScript = `
redis-cli -p "$REDIS_PORT" --rdb "$FOLDER/dump.rdb" > /dev/null
restic backup --quiet --no-cache --compression auto "$FOLDER/dump.rdb" "$VECTORSTORE" "$MODELS" "$CONFIGURATION"
`;
const checkScript = 'restic check --quiet --no-cache --read-data';
const restoreScript = 'restic restore --quiet --no-cache latest --target "$TARGET"';

export interface ResticPeer extends Peer {
  readonly repository: string;
  /** An empty repository; not timed. */
  init(): Promise<void>;
  backup(): Promise<number>;
  restore(): Promise<number>;
  /** A repository of its own with the whole appliance, PostgreSQL as it was seeded; not timed. */
  backupWhole(): Promise<void>;
  /** Reads all of that repository again. */
  check(): Promise<number>;
  clean(): Promise<void>;
}

export function resticPeer(data: DataSet, version: string): ResticPeer {
  const folder = join(data.work, 'restic');
  const repository = join(folder, 'repository');
  const target = join(folder, 'target');
  const env = {
    ...clientEnvironment(data),
    FOLDER: folder,
    TARGET: target,
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: data.sample.passwords.redis,
    GOMAXPROCS: String(availableParallelism()),
  };
  const whole = {
    ...env,
    RESTIC_REPOSITORY: join(folder, 'whole'),
    BASELINE: join(data.sample.stateFolder, 'baseline'),
  };
  return {
    name: 'restic',
    version,
    flags: [
      ...backupScript.trim().split('\n'),
      `restore: ${restoreScript}`,
      `verification: ${checkScript} (the whole appliance in one repository)`,
      `GOMAXPROCS=${availableParallelism()}; repository format 2; encrypts always; its restore does not fsync`,
    ],
    repository,
    init: async () => {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      await mkdir(folder, { recursive: true });
      await runCommand('restic', ['init', '--quiet', '--repository-version', '2'], { env });
    },
    backup: async () => (await runScript(backupScript, { env })).seconds,
    restore: async () => {
      try {
        return (await runScript(restoreScript, { env })).seconds;
      } finally {
        await rm(target, { recursive: true, force: true, maxRetries: 5 });
      }
    },
    backupWhole: async () => {
      const script = `restic init --quiet --repository-version 2
redis-cli -p "$REDIS_PORT" --rdb "$FOLDER/dump.rdb" > /dev/null
restic backup --quiet --no-cache --compression auto "$BASELINE" "$FOLDER/dump.rdb" "$VECTORSTORE" "$MODELS" "$CONFIGURATION"`;
      await rm(whole.RESTIC_REPOSITORY, { recursive: true, force: true, maxRetries: 5 });
      await mkdir(folder, { recursive: true });
      await runScript(script, { env: whole });
    },
    check: async () => (await runScript(checkScript, { env: whole })).seconds,
    clean: async () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
