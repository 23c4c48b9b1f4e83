import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { defaultMaxShare } from '../../../src/domain/retention.ts';
import { capacityAlarm, planRetention } from '../../../src/operations/retention/retention.ts';
import { backUp } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';
import { limits, timedRepository } from '../wal/wal-base.ts';

const dayMs = 86_400_000;

test('X13: what a place will hold when its points have filled their time is told before it passes its capacity', async ({
  folder,
  open,
}) => {
  const begin = new Date('2026-11-01T02:00:00Z');
  const { clock, repository } = await timedRepository(folder, begin, open);
  for (let day = 0; day <= 5; day += 1) {
    clock.now = new Date(begin.getTime() + day * dayMs);
    await backUp(repository, async (writer) => writer.bytes('a', randomBytes(1_000_000)), { time: clock.now });
  }
  const planned = async (capacityBytes: number) => {
    const options = { repository, limits, capacityBytes, holds: [], now: clock.now, maxShare: defaultMaxShare };
    const { forecast, usage } = await planRetention(options);
    return { forecast, usage, alarm: capacityAlarm(forecast) };
  };
  // A megabyte a day: six now, and 25 more until the first one leaves after 30 days.
  const roomy = await planned(500e9);
  expect(roomy.alarm).toBeUndefined();
  expect(roomy.forecast.bytesPerDay).toBeGreaterThan(1_000_000);
  expect(roomy.forecast.settledBytes / 1e6).toBeGreaterThan(30);
  expect(roomy.forecast.settledBytes / 1e6).toBeLessThan(38);
  expect((await planned(12e6)).alarm).toMatch(/^will hold 3\d\.\d MB, more than its 12\.0 MB: passed in [45] d/);
  expect((await planned(5e6)).alarm).toMatch(/: it is passed already$/);
});
