/** Services for tests of the process platform: small programs of our own, and where their files lie. */
import { join } from 'node:path';
import type { ServiceConfig } from '../../src/domain/appliance.ts';
import type { ProcessService } from '../../src/platform/process/launch.ts';
import { readProcessTable } from '../../src/platform/process/process-table.ts';

const defaults = {
  name: 'app',
  dependsOn: [],
  ready: { kind: 'running' },
  stopTimeoutSeconds: 5,
  startTimeoutSeconds: 10,
} as const;

/** A process that runs `script` in Node, in `folder`. */
export function nodeService(
  folder: string,
  script: string,
  changes: Partial<Omit<ServiceConfig, 'run'>> = {},
): ProcessService {
  return programService(folder, [process.execPath, '-e', script], 'SIGTERM', changes);
}

export function programService(
  folder: string,
  command: readonly string[],
  stopSignal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT',
  changes: Partial<Omit<ServiceConfig, 'run'>> = {},
): ProcessService {
  const run = {
    kind: 'process',
    command,
    cwd: folder,
    env: {},
    user: undefined,
    pidFile: join(folder, 'run', 'service.pid'),
    logFile: join(folder, 'log', 'service.log'),
    stopSignal,
  } as const;
  return { ...defaults, ...changes, run };
}

/** A zombie that init has not collected yet is not alive; signal 0 would reach it. */
export async function livingOf(pids: readonly number[]): Promise<number[]> {
  const table = await readProcessTable();
  return pids.filter((pid) => table.some((entry) => entry.pid === pid));
}
