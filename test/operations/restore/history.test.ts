import { expect } from 'vitest';
import { pastRestores } from '../../../src/operations/restore/history.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';

const steps = [
  { id: 'stage:redis', state: 'done', seconds: 4 },
  { id: 'probe:redis', state: 'failed', seconds: 9 },
];

test('D3.10: past durations are those of done steps of committed restores, and damaged evidence tells nothing', async ({
  repository,
  storage,
}) => {
  expect(await pastRestores(repository)).toEqual([]);
  await repository.putReport('restore', 'restore/a/1', { state: 'committed', steps });
  await repository.putReport('restore', 'restore/a/2', { state: 'aborted', steps });
  await repository.putReport('fullBackup', 'fullBackup/a/3', { state: 'committed', steps });
  const damaged = await repository.putReport('restore', 'restore/a/4', { state: 'committed', steps });
  const { version } = (await storage.stat(damaged))!;
  await storage.replaceIf(damaged, version, Buffer.from('{'));
  expect(await pastRestores(repository)).toEqual([{ steps: [{ id: 'stage:redis', seconds: 4 }] }]);
});
