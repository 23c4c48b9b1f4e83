/** Watches components for a change that no recovery point holds yet. Looks at names and times only. */
import { setTimeout } from 'node:timers/promises';
import type { ReportProgress } from '../../domain/progress.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { Repository } from '../../repository/repository.ts';
import { newestRecord } from './find-record.ts';

export interface AwaitChangeOptions {
  readonly repository: Repository;
  readonly drivers: readonly Driver[];
  readonly durationMs: number;
  /** Aborted where the watch is to end before its time. */
  readonly stopping?: AbortSignal;
  readonly pollMs: number;
  /** A change is told when nothing more has changed for this long: an editor saves in several steps, a deployment in many. */
  readonly quietMs: number;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

/** Ids of the components that are not as they were last captured; empty when the time is over. */
export async function awaitChange(options: AwaitChangeOptions): Promise<string[]> {
  const { signal, stopping } = options;
  if (stopping === undefined) return watch(options);
  try {
    return await watch({ ...options, signal: AbortSignal.any([signal, stopping]) });
  } catch (error) {
    signal.throwIfAborted();
    if (!stopping.aborted) throw error;
    return [];
  }
}

async function watch(options: AwaitChangeOptions): Promise<string[]> {
  const { durationMs, pollMs, quietMs, onProgress, signal } = options;
  for (const end = performance.now() + durationMs; performance.now() < end;) {
    signal.throwIfAborted();
    onProgress({ phase: 'watch', bytesDone: 0, bytesTotal: 0 });
    if ((await changedOf(options)).length > 0) {
      await setTimeout(quietMs, undefined, { signal });
      // Meanwhile a backup may have taken it.
      const changed = await changedOf(options);
      if (changed.length > 0) return changed;
    }
    await setTimeout(pollMs, undefined, { signal });
  }
  return [];
}

async function changedOf({ repository, drivers }: AwaitChangeOptions): Promise<string[]> {
  const changed = await Promise.all(
    drivers.map(async (driver) => {
      const record = await newestRecord(repository, driver.component);
      const isSame = record !== undefined && (await driver.isAsCaptured?.(repository, record)) !== false;
      return isSame ? [] : [driver.component];
    }),
  );
  return changed.flat();
}
