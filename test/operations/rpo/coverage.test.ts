import { expect } from 'vitest';
import type { Appliance } from '../../../src/domain/appliance.ts';
import { readCoverage } from '../../../src/operations/rpo/coverage.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { reserve, sealRecords } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';
import { base } from '../wal/wal-base.ts';

const appliance = {
  components: [{ id: 'pg', kind: 'postgres', tier: 'critical', wal: { archive: true } }],
  objectives: { rpoSeconds: { critical: 3600, configuration: 86_400, monitoring: 14_400 } },
} as unknown as Appliance;

const at = (clock: string): string => `2026-11-20T${clock}:00.000Z`;

async function full(repository: Repository, clock: string): Promise<void> {
  const time = new Date(at(clock));
  await sealRecords(repository, await reserve(repository, time), [await base(repository, time, 1)]);
}

const restored = async (repository: Repository, id: string, state: string, step: string, clock: string) =>
  repository.putReport('restore', id, {
    state,
    ...(state === 'aborted' ? { undone: 'full' } : {}),
    steps: [{ id: step, state: 'done', startedAt: at(clock) }],
    endedAt: at(clock),
  });

test('X1: from a restore until its new base a database is unprotected; a failed one, an undo or another component changes nothing', async ({
  repository,
}) => {
  const withoutBase = async () => (await readCoverage(repository, appliance, new Date())).withoutBase;
  await full(repository, '02:00');
  expect(await withoutBase()).toEqual([]);
  await restored(repository, 'restore/a/1', 'aborted', 'swap:pg', '03:00');
  expect(await withoutBase()).toEqual([]);
  await restored(repository, 'restore/a/2', 'committed', 'swap:pg', '04:00');
  expect(await withoutBase()).toEqual([{ id: 'pg', since: at('04:00') }]);
  await restored(repository, 'restore/a/3', 'committed', 'swap:redis', '05:00');
  await restored(repository, 'restore/a/4', 'aborted', 'swap:pg', '05:30');
  expect(await withoutBase()).toEqual([{ id: 'pg', since: at('04:00') }]);
  await full(repository, '06:00');
  expect(await withoutBase()).toEqual([]);
  await restored(repository, 'restore/a/5', 'committed', 'swap:pg', '07:00');
  expect(await withoutBase()).toEqual([{ id: 'pg', since: at('07:00') }]);
  await restored(repository, 'restore/a/6', 'committed', 'put-back:pg', '08:00');
  expect(await withoutBase(), 'the old timeline has its own base').toEqual([]);
});
