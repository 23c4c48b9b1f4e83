/**
 * Brings WAL to the locations while it is archived: after every seal, and every half minute in any case. A location that
 * is down is tried again for ever and holds nothing up; only the one whose barrier the slot waits for holds the slot.
 */
import { LifeboatError } from '../../domain/errors.ts';
import type { WalFollower } from '../../drivers/driver.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Storage } from '../../storage/storage.ts';

const everyMs = 30_000;
/** At least, and as long as the last push took: seals come in bursts, and one push takes them all. */
const pauseMs = 100;
/** After the first failure; doubled by each that follows. */
const retryMs = 1000;
const longestPauseMs = 60_000;

export interface FollowOptions {
  readonly repository: Repository;
  readonly location: string;
  readonly target: () => Promise<Storage>;
  readonly onProblem: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface RunningFollower extends WalFollower {
  /** Everything that was sealed before the call is there; or it failed once, or the time is over. Never rejects. */
  drained(ms: number): Promise<void>;
  readonly ended: Promise<void>;
}

export function followWal(options: FollowOptions): RunningFollower {
  const { repository, location, target, onProblem, signal } = options;
  let passedAt: number | undefined;
  let wake = Promise.withResolvers<void>();
  let failures = 0;
  let told: string | undefined;
  /** Objects of which a name there proves nothing. */
  const sealed = new Set<string>();

  const textOf = (error: unknown): string =>
    `WAL does not reach ${location}: ${error instanceof LifeboatError ? error.message : String(error)}`;

  const run = async (): Promise<void> => {
    let push: ReturnType<Repository['walPusher']> | undefined;
    while (!signal.aborted) {
      const began = performance.now();
      try {
        push ??= repository.walPusher(await target());
        const asked = [...sealed];
        const { problem } = await push(signal, asked);
        for (const key of asked) sealed.delete(key);
        passedAt = began;
        failures = 0;
        if (problem !== undefined && problem.message !== told) onProblem(textOf(problem));
        told = problem?.message;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        // What is there is looked up anew, and whether it may be filled: somebody may have emptied or unmounted it.
        push = undefined;
        onProblem(textOf(error));
      }
      const took = performance.now() - began;
      await pause(
        failures === 0 ? Math.max(pauseMs, took) : Math.min(longestPauseMs, retryMs * 2 ** (failures - 1)),
        signal,
      );
      if (failures === 0) await Promise.race([wake.promise, pause(everyMs, signal)]);
      wake = Promise.withResolvers<void>();
    }
  };

  return {
    sealed: (keys) => {
      for (const key of keys) sealed.add(key);
      wake.resolve();
    },
    passedAt: () => passedAt,
    async drained(ms) {
      const asked = performance.now();
      wake.resolve();
      const isOver = (): boolean => signal.aborted || failures > 0 || performance.now() - asked > ms;
      while (!isOver() && (passedAt ?? -1) < asked) await pause(pauseMs, signal);
    },
    ended: run(),
  };
}

/** Never rejects. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
