import type { ServiceConfig } from '../../domain/appliance.ts';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks until the answer is true or the time is over; returns whether it became true. An abort rejects with the
 * signal's reason, between two questions: nothing is torn down half way.
 */
export async function waitUntil(ask: () => Promise<boolean>, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 200)) {
    signal.throwIfAborted();
    if (await ask()) return true;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    await delay(Math.min(pauseMs, leftMs), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** A service that nothing is asked of counts as started when it lived this long. */
const settledMs = 500;

/** `begun`: by `performance.now()`. */
export function isSettled({ ready }: Pick<ServiceConfig, 'ready'>, begun: number): boolean {
  return ready.kind !== 'running' || performance.now() - begun >= settledMs;
}
