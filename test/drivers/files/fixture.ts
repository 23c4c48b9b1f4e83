/** What the tests of the files driver share: a component of given paths, and a restore from staging to the probes. */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { FilesConfig } from '../../../src/domain/appliance.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { createFilesDriver } from '../../../src/drivers/files/driver.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { broken, contextOf, token } from '../../contracts/driver-fixture.ts';

export function configOf(paths: readonly string[], exclude: readonly string[] = []): FilesConfig {
  return {
    id: 'files',
    kind: 'files',
    host: 'main',
    tier: 'critical',
    priority: 1,
    services: [],
    paths,
    exclude,
  };
}

/** A driver whose state lies in `state` beside what the test restores. */
export function driverIn(folder: string, config: FilesConfig, others: readonly FilesConfig[] = []): Driver {
  return createFilesDriver(config, {
    target: createProcessTarget(),
    stateDir: join(folder, 'state'),
    secret: async () => undefined,
    others,
  });
}

/** Stages, validates, swaps and probes; `lock` is when the restore took the lock. Nothing is committed. */
export async function swapIn(
  driver: Driver,
  repository: Repository,
  record: ComponentRecord,
  lock?: string,
): Promise<void> {
  const staged = token(1001, lock);
  const context = (attempt: number) => contextOf({ repository, record, token: token(attempt, lock), staged });
  await driver.stage(context(1001));
  expect(broken(await driver.validate(context(2001)))).toEqual([]);
  await driver.swap(context(3001));
  expect(broken(await driver.probe(context(4001)))).toEqual([]);
}
