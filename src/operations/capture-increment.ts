/**
 * A component as an incremental backup takes it: a database as a position on its newest base, everything else by what
 * changed. Where no base leads to the present a new one is captured, and the receipt says why.
 */
import { isLifeboatError } from '../domain/errors.ts';
import type { Receipt } from '../domain/recovery-point.ts';
import { captureComponent, type CaptureOptions } from './capture-component.ts';
import { walBases } from './wal-status.ts';

export async function captureIncrement(options: CaptureOptions): Promise<Receipt> {
  if (options.driver.increment === undefined) return captureComponent({ ...options, rehash: false });
  const chained = await onNewestBase(options);
  if (typeof chained !== 'string') return chained;
  const receipt = await captureComponent({ ...options, rehash: false });
  return { ...receipt, notes: [`a new base was captured: ${chained}`, ...(receipt.notes ?? [])] };
}

/** The receipt, or why only a new base helps. */
async function onNewestBase({
  driver,
  repository,
  host,
  onProgress,
  signal,
}: CaptureOptions): Promise<Receipt | string> {
  const [base] = await walBases(repository, driver.component);
  if (base === undefined) return 'there is none yet';
  try {
    const increment = await driver.increment?.({
      repository,
      base: base.record,
      onProgress: (state) => onProgress(state, []),
      signal,
    });
    if (increment === undefined) return 'the component has no increments';
    const at = increment.at.toISOString();
    return {
      ...base.record,
      host,
      storedBytes: 0,
      capturedFrom: at,
      capturedUntil: at,
      quiescence: 'snapshot',
      chain: { base: base.backupId, ...increment.chain },
    };
  } catch (error) {
    if (isLifeboatError(error, 'Precondition')) return error.message;
    throw error;
  }
}
