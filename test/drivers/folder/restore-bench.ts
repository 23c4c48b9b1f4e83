/** A real repository on a temporary disk, and the steps of a backup and of a restore with one driver. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReportProgress } from '../../../src/domain/progress.ts';
import { isFailed } from '../../../src/domain/probes.ts';
import type { ComponentRecord, ProbeResult } from '../../../src/domain/recovery-point.ts';
import type { Driver, RestoreContext } from '../../../src/drivers/driver.ts';
import { captureComponent } from '../../../src/operations/backup/capture-component.ts';
import { initRepository } from '../../../src/repository/init.ts';
import { generateKey } from '../../../src/repository/recovery-key.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';

export interface RestoreBench {
  readonly repository: Repository;
  /** A backup of the component as a record of a manifest. */
  capture(driver: Driver, previous?: ComponentRecord, onProgress?: ReportProgress): Promise<ComponentRecord>;
  /** The context of one step; `attempt` as the workflow counts it: stage 1001, swap 3001 … */
  context(record: ComponentRecord, attempt: number, run?: string): RestoreContext;
  /** stage → validate → swap. The probes of `validate`. */
  restore(driver: Driver, record: ComponentRecord, run?: string): Promise<readonly ProbeResult[]>;
}

/** `settled` stands for the age and the file system of all files; by default both are what they are. */
export async function makeBench(folder: string, settled?: () => boolean): Promise<RestoreBench> {
  const root = join(folder, 'repository');
  await mkdir(root);
  const { repository } = await initRepository(
    createLocalStorage(root),
    { mode: 'key', key: generateKey() },
    settled === undefined ? {} : { isSettled: async () => settled() },
  );
  const context = (record: ComponentRecord, attempt: number, runId = 'run-1'): RestoreContext => {
    const lockStart = `2026-11-22T02:00:${runId.replace(/\D/g, '').padStart(2, '0')}.000Z`;
    return {
      repository,
      record,
      token: { lockStart, runId, attempt },
      staged: { lockStart, runId, attempt: 1001 },
      replaceDamaged: false,
      onProgress: () => undefined,
      signal: AbortSignal.timeout(180_000),
    };
  };
  return {
    repository,
    context,
    async capture(driver, previous, onProgress) {
      const backupId = await repository.reserve(new Date(), `test ${Math.random()}`);
      return captureComponent({
        repository,
        driver,
        host: 'main',
        backupId,
        previous,
        resumePacks: [],
        onProgress: (state) => onProgress?.(state),
        signal: AbortSignal.timeout(180_000),
      });
    },
    async restore(driver, record, run) {
      await driver.stage(context(record, 1001, run));
      const probes = await driver.validate(context(record, 2001, run));
      await driver.swap(context(record, 3001, run));
      return probes;
    },
  };
}

export function failedProbes(probes: readonly ProbeResult[]): string[] {
  return probes.filter(isFailed).map(({ name, expected, actual }) => `${name}: ${expected} <> ${actual}`);
}
