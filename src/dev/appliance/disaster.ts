/** The disaster: every process of the appliance is killed, its data and configuration are deleted. */
import { rm } from 'node:fs/promises';
import { ProcessFamily } from '../../platform/process/family.ts';
import { readPidFile } from '../../platform/process/pid-file.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { poll } from '../poll.ts';
import type { SampleAppliance } from './description.ts';
import { appCommand, pidFileOf, postgresCommand, redisCommand } from './lifeboat-yaml.ts';

export interface Disaster {
  /** Just before the first process was killed. */
  readonly at: Date;
  readonly killed: readonly number[];
  readonly deleted: readonly string[];
}

const deathMs = 10_000;

export async function strike(appliance: SampleAppliance): Promise<Disaster> {
  const at = new Date();
  const killed: number[] = [];
  for (const [service, command] of Object.entries(commandsOf(appliance)))
    killed.push(...(await killService(appliance, service, command)));
  const { postgresData, redisData, vectorstore, models, configuration } = appliance.folders;
  const deleted = [postgresData, redisData, vectorstore, models, configuration];
  for (const folder of deleted) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  return { at, killed, deleted };
}

function commandsOf(appliance: SampleAppliance): Record<string, readonly string[]> {
  return { app: appCommand(appliance), postgres: postgresCommand(appliance), redis: redisCommand(appliance) };
}

/** With its whole family: a PostgreSQL backend that lives on would write into the deleted folder. */
async function killService(appliance: SampleAppliance, service: string, command: readonly string[]): Promise<number[]> {
  const head = await readPidFile(pidFileOf(appliance, service), service, AbortSignal.timeout(deathMs));
  const family = new ProcessFamily(head, command);
  const killed = new Set<number>();
  await poll(
    async () => {
      const living = await family.living();
      for (const { pid } of living) {
        killed.add(pid);
        kill(pid);
      }
      return living.length === 0 ? true : undefined;
    },
    {
      timeoutMs: deathMs,
      describe: () =>
        new LifeboatError('ServiceFailed', `processes of \`${service}\` survive SIGKILL: ${[...killed].join(', ')}`),
    },
  );
  return [...killed];
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
