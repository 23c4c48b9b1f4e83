/**
 * A component as an incremental backup takes it: a database as a position on its newest base, everything else by what
 * changed. Where no base leads to the present a new one is captured, and the receipt says why.
 */
import { isLifeboatError } from '../../domain/errors.ts';
import { isRefuted, type Chain, type Receipt } from '../../domain/recovery-point.ts';
import type { Repository } from '../../repository/repository.ts';
import { captureComponent, type CaptureOptions } from './capture-component.ts';
import { walBases, type WalBase } from '../wal/continuity.ts';

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
    const readTo = await lastOn(repository, base);
    const increment = await driver.increment?.({
      repository,
      base: base.record,
      ...(readTo === undefined ? {} : { readTo }),
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

/** The position of the newest increment on the base that nothing speaks against: what leads to it was read when it was made. */
async function lastOn(repository: Repository, { backupId, record }: WalBase): Promise<Chain | undefined> {
  for (const { manifest } of await repository.listManifests()) {
    const chain = manifest?.lifeboat.components.find(({ id }) => id === record.id)?.chain;
    if (manifest === undefined || chain?.base !== backupId) continue;
    if (!isRefuted(await repository.pointState(manifest.timestamp))) return chain;
  }
  return undefined;
}
