/** One step of a restore as a process of its own, so that it can be killed and stopped for real. Argument: a `DriverAttempt` as JSON. */
import type { ComponentConfig } from '../../src/domain/appliance.ts';
import type { ComponentRecord } from '../../src/domain/recovery-point.ts';
import type { Driver, DriverEnvironment } from '../../src/drivers/driver.ts';
import { createProcessTarget } from '../../src/platform/process/process-target.ts';
import { openRepository } from '../../src/repository/open.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { contractKey } from './driver-fixture.ts';
import type { FencingToken } from '../../src/domain/fencing-token.ts';

export interface DriverAttempt {
  /** File that exports the driver's factory, and its name. */
  readonly module: string;
  readonly factory: string;
  readonly config: ComponentConfig;
  readonly stateDir: string;
  readonly repository: string;
  readonly record: ComponentRecord;
  readonly token: FencingToken;
  readonly staged: FencingToken;
  readonly act: 'stage' | 'validate' | 'swap';
  /** Dies as soon as the first bytes are staged. */
  readonly killAtFirstBytes?: boolean;
  /** Dies at this step of the swap (1 is the first). */
  readonly killAtStep?: number;
  /** Stops itself with SIGSTOP before it begins. */
  readonly stopBefore?: boolean;
}

const attempt = JSON.parse(process.argv[2] ?? '') as DriverAttempt;
const { [attempt.factory]: create } = (await import(attempt.module)) as Record<
  string,
  (config: ComponentConfig, environment: DriverEnvironment) => Driver
>;
let steps = 0;
const driver = create!(attempt.config, {
  target: createProcessTarget(),
  stateDir: attempt.stateDir,
  secret: async (ref) => (ref?.from === 'literal' ? ref.value : undefined),
  swap: {
    onStep: () => {
      if (++steps === attempt.killAtStep) process.kill(process.pid, 'SIGKILL');
    },
  },
});
const repository = await openRepository(createLocalStorage(attempt.repository), { mode: 'key', key: contractKey });
if (attempt.stopBefore === true) process.kill(process.pid, 'SIGSTOP');
try {
  await driver[attempt.act]({
    repository,
    record: attempt.record,
    token: attempt.token,
    staged: attempt.staged,
    replaceDamaged: false,
    onProgress: ({ bytesDone }) => {
      if (attempt.killAtFirstBytes === true && bytesDone > 0) process.kill(process.pid, 'SIGKILL');
    },
    signal: new AbortController().signal,
  });
} catch (error) {
  console.log((error as Error).name);
  process.exitCode = 1;
}
await repository.close();
