import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { Appliance } from '../../../src/domain/appliance.ts';
import { readRpo } from '../../../src/operations/rpo/readings.ts';
import { backUp } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';

const appliance = {
  components: [{ id: 'files', kind: 'files', tier: 'critical' }],
  locations: [],
  objectives: { rpoSeconds: { critical: 3600, configuration: 86_400, monitoring: 14_400 }, verifiedSeconds: 259_200 },
} as unknown as Appliance;

const hourMs = 3_600_000;

test('X1: why a component ages is told: the last backup failed, or none has ended for long', async ({ repository }) => {
  await backUp(repository, async (writer) => writer.bytes('a', randomBytes(100)));
  const begin = Date.now();
  const reasonAt = async (hours: number): Promise<string> => {
    const [recoverable] = await readRpo(repository, appliance, new Date(begin + hours * hourMs));
    return recoverable?.reason ?? '';
  };
  const ended = async (number: number, state: string, text: string, hours: number): Promise<string> =>
    repository.putReport('fullBackup', `fullBackup/a/${number}`, {
      state,
      text,
      endedAt: new Date(begin + hours * hourMs).toISOString(),
    });
  expect(await reasonAt(0)).toBe('');
  await ended(1, 'sealed', '', 0);
  expect(await reasonAt(0.5)).toBe('');
  expect(await reasonAt(2)).toMatch(/^no backup has ended since \d{4}-\d\d-\d\dT\d\d:\d\dZ$/);
  await ended(2, 'partial', 'without other: AuthFailed', 2);
  expect(await reasonAt(2.1), 'another component was concerned').toBe('');
  await ended(3, 'failed', 'NoSpace: the disk is full', 2);
  expect(await reasonAt(2.1)).toBe('the last backup ended failed: NoSpace: the disk is full');
});
