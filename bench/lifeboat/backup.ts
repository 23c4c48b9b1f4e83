/** A backup as the workflow does it: all components at once, then the seal. */
import { randomUUID } from 'node:crypto';
import { captureComponent } from '../../src/operations/backup/capture-component.ts';
import { captureIncrement } from '../../src/operations/backup/capture-increment.ts';
import { newestRecord } from '../../src/operations/backup/find-record.ts';
import { sealBackup } from '../../src/operations/backup/seal.ts';
import type { Parts } from '../../workers/parts.ts';

export interface BackupTimes {
  readonly seconds: number;
  readonly id: string;
  readonly bytes: number;
  readonly storedBytes: number;
  /** From the begin of the captures, which run side by side. */
  readonly parts: Readonly<Record<string, number>>;
}

export async function backUp(
  { appliance, driver, repository: open }: Parts,
  type: 'full' | 'incremental' = 'full',
): Promise<BackupTimes> {
  const capture = type === 'full' ? captureComponent : captureIncrement;
  const began = performance.now();
  const repository = await open();
  const startedAt = new Date();
  const backupId = await repository.reserve(startedAt, randomUUID());
  const parts: Record<string, number> = { open: since(began) };
  const captured = performance.now();
  const receipts = await Promise.all(
    appliance.components.map(async ({ id }) => {
      const receipt = await capture({
        repository,
        driver: await driver(id),
        host: appliance.host,
        backupId,
        previous: await newestRecord(repository, id),
        resumePacks: [],
        onProgress: () => undefined,
        signal: AbortSignal.timeout(3_600_000),
      });
      parts[id] = since(captured);
      return receipt;
    }),
  );
  const sealed = performance.now();
  await sealBackup({
    repository,
    appliance,
    backupId,
    type,
    startedAt: startedAt.toISOString(),
    receipts,
    failures: [],
    workflow: null,
  });
  await repository.closeIntent(backupId);
  parts['seal'] = since(sealed);
  const sum = (field: 'bytes' | 'storedBytes'): number =>
    receipts.reduce((total, receipt) => total + receipt[field], 0);
  return { seconds: since(began), id: backupId, bytes: sum('bytes'), storedBytes: sum('storedBytes'), parts };
}

export function since(began: number): number {
  return (performance.now() - began) / 1000;
}
