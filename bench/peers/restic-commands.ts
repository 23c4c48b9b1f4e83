/** The commands of restic that are timed, with the same settings for every row. */
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { runCommand } from '../command.ts';

export const backupArguments = ['backup', '--quiet', '--no-cache', '--compression', 'auto'];
export const restoreArguments = ['restore', '--quiet', '--no-cache', 'latest', '--target'];
const initArguments = ['init', '--quiet', '--repository-version', '2'];

type Environment = Readonly<Record<string, string>>;

export function resticEnvironment(repository: string, password: string): Environment {
  return {
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: password,
    GOMAXPROCS: String(availableParallelism()),
  };
}

export async function initRestic(env: Environment): Promise<void> {
  await runCommand('restic', initArguments, { env });
}

/** Seconds. What was restored is removed again, not timed. */
/** Into a folder that is not there yet; it stays. */
export async function restoreInto(target: string, env: Environment): Promise<number> {
  return (await runCommand('restic', [...restoreArguments, target], { env })).seconds;
}

export async function restoreWithRestic(target: string, env: Environment): Promise<number> {
  try {
    return await restoreInto(target, env);
  } finally {
    await rm(target, { recursive: true, force: true, maxRetries: 5 });
  }
}
