/** The order of fencing tokens: later lock start, then (run id being equal) the higher attempt. */
import { z } from 'zod';
import type { FencingToken } from '../../domain/fencing-token.ts';

/** As it stands in journals, receipts and leases. */
export const fencingTokenSchema: z.ZodType<FencingToken> = z.object({
  lockStart: z.string(),
  runId: z.string(),
  attempt: z.number(),
});

/** `conflict`: two runs claim the same lock start, which the lock makes impossible; neither may go before the other. */
export type TokenOrder = 'lower' | 'same' | 'higher' | 'conflict';

/** How `token` stands to `other`. */
export function compareTokens(token: FencingToken, other: FencingToken): TokenOrder {
  const difference = Date.parse(token.lockStart) - Date.parse(other.lockStart);
  if (difference !== 0) return difference > 0 ? 'higher' : 'lower';
  if (token.runId !== other.runId) return 'conflict';
  if (token.attempt === other.attempt) return 'same';
  return token.attempt > other.attempt ? 'higher' : 'lower';
}

export function isSameRun(token: FencingToken, other: FencingToken): boolean {
  return token.runId === other.runId && Date.parse(token.lockStart) === Date.parse(other.lockStart);
}

/** For messages: `run-id attempt 3 of 2026-11-22T02:00:00.000Z`. */
export function describeToken(token: FencingToken): string {
  return `${token.runId} attempt ${token.attempt} of ${token.lockStart}`;
}
