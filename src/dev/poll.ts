import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again and again until `ask` answers with something other than undefined. After `timeoutMs` it throws what
 * `describe` says. An error of `ask` counts as "not yet"; the last one becomes the cause.
 */
export async function poll<T>(ask: () => Promise<T | undefined>, options: PollOptions): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (let cause: unknown; ;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      if (options.givesUp?.(error)) throw error;
      cause = error;
    }
    if (performance.now() > deadline) throw options.describe(cause);
    await delay(options.intervalMs ?? 50);
  }
}

export interface PollOptions {
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly describe: (cause: unknown) => Error;
  /** True for an error after which asking again is pointless. */
  readonly givesUp?: (error: unknown) => boolean;
}
