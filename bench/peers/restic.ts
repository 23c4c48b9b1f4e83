/** restic for everything but PostgreSQL. Redis gives its snapshot first, as Lifeboat's time contains Redis's too. */
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { runScript } from '../command.ts';
import type { DataSet } from '../data/data-set.ts';
import {
  backupArguments,
  initRestic,
  resticEnvironment,
  restoreArguments,
  restoreWithRestic,
} from './restic-commands.ts';
import { clientEnvironment } from './sources.ts';
import type { Peer } from './peer.ts';

const backupScript = `
redis-cli -p "$REDIS_PORT" --rdb "$FOLDER/dump.rdb" > /dev/null
restic ${backupArguments.join(' ')} "$FOLDER/dump.rdb" "$VECTORSTORE" "$MODELS" "$CONFIGURATION"
`;
const checkScript = 'restic check --quiet --no-cache --read-data';

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
    ...resticEnvironment(repository, data.sample.passwords.redis),
    FOLDER: folder,
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
      `restore: restic ${restoreArguments.join(' ')} "$TARGET"`,
      `verification: ${checkScript} (the whole appliance in one repository)`,
      `GOMAXPROCS=${availableParallelism()}; repository format 2; encrypts always; its restore does not fsync`,
    ],
    repository,
    init: async () => {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      await mkdir(folder, { recursive: true });
      await initRestic(env);
    },
    backup: async () => (await runScript(backupScript, { env })).seconds,
    restore: async () => restoreWithRestic(target, env),
    backupWhole: async () => {
      const script = `redis-cli -p "$REDIS_PORT" --rdb "$FOLDER/dump.rdb" > /dev/null
restic ${backupArguments.join(' ')} "$BASELINE" "$FOLDER/dump.rdb" "$VECTORSTORE" "$MODELS" "$CONFIGURATION"`;
      await rm(whole.RESTIC_REPOSITORY, { recursive: true, force: true, maxRetries: 5 });
      await mkdir(folder, { recursive: true });
      await initRestic(whole);
      await runScript(script, { env: whole });
    },
    check: async () => (await runScript(checkScript, { env: whole })).seconds,
    clean: async () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
