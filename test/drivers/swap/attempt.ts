/** A swap attempt as a process of its own, so that it can be killed and stopped for real. Argument: an `Attempt` as JSON. */
import { putBack } from '../../../src/drivers/swap/put-back.ts';
import { swapBack, swapIn } from '../../../src/drivers/swap/swap.ts';
import type { FencingToken } from '../../../src/domain/fencing-token.ts';
import type { SwapPair } from '../../../src/drivers/swap/target-types.ts';

export interface Attempt {
  /** `putBack` undoes the finished swap of `of`. */
  readonly act: 'swapIn' | 'swapBack' | 'putBack';
  readonly of?: FencingToken;
  readonly component: string;
  readonly lives: readonly string[];
  readonly pairs: readonly SwapPair[];
  readonly token: FencingToken;
  /** Dies at this step (1 is the first). */
  readonly killAtStep?: number;
  /** Stops itself with SIGSTOP: 0 is before it asks for the lease. */
  readonly stopAtStep?: number;
  readonly leaseMs?: number;
}

const attempt = JSON.parse(process.argv[2] ?? '') as Attempt;
let steps = 0;
const tuning = {
  leaseMs: attempt.leaseMs ?? 15_000,
  onStep: () => {
    steps++;
    if (steps === attempt.killAtStep) process.kill(process.pid, 'SIGKILL');
    if (steps === attempt.stopAtStep) process.kill(process.pid, 'SIGSTOP');
  },
};
if (attempt.stopAtStep === 0) process.kill(process.pid, 'SIGSTOP');
const { component, lives, pairs, token } = attempt;
try {
  if (attempt.act === 'swapIn') await swapIn({ component, lives, pairs, token, tuning });
  else if (attempt.act === 'putBack') await putBack({ component, lives, token, tuning }, attempt.of ?? token);
  else await swapBack({ component, lives, token, tuning });
} catch (error) {
  console.log((error as Error).name);
  process.exitCode = 1;
}
