/** The parent's side of worker.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface FleetWorkerSettings {
  readonly address: string;
  readonly namespace: string;
  readonly codePath: string;
  readonly appliances: number;
}

export interface FleetWorker {
  readonly pid: number;
  /** At once: nothing of it is kept. */
  kill(): Promise<void>;
}

/** Returns when it polls. */
export async function startFleetWorker(mode: 'serve' | 'poll', settings: FleetWorkerSettings): Promise<FleetWorker> {
  const program = fileURLToPath(new URL('worker.ts', import.meta.url));
  const child = spawn(process.execPath, [program, mode, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const atExit = (): void => void child.kill('SIGKILL');
  process.once('exit', atExit);
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line'), exited]);
  if (first[0] !== 'ready') throw new Error(`the worker of the fleet ended at its start: ${String(first[0])}`);
  return {
    pid: child.pid ?? 0,
    kill: async () => {
      process.off('exit', atExit);
      child.kill('SIGKILL');
      await exited;
    },
  };
}
