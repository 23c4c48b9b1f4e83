import { expect } from 'vitest';
import { formatLsn } from '../../../src/domain/lsn.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import { planRetention } from '../../../src/operations/retention/retention.ts';
import { reserve, sealRecords } from '../../repository/backup.ts';
import { repositoryTest } from '../../repository/fixture.ts';
import { archiveIn, base, segment, segmentBytes, timedRepository } from '../wal/wal-base.ts';

const dayMs = 86_400_000;
const limits = {
  pointSeconds: {
    full: 30 * 86_400,
    incremental: 30 * 86_400,
    critical: 86_400,
    configuration: 90 * 86_400,
    monitoring: 7 * 86_400,
  },
  walSeconds: 7 * 86_400,
};

repositoryTest(
  'WAL stays for the window, for the base that begins it, and where a kept point is a position on it',
  async ({ folder, open }) => {
    const { clock, repository } = await timedRepository(folder, new Date('2026-01-01T00:00:00Z'), open);
    const archive = archiveIn(repository);
    const begin = clock.now.getTime();
    let chained: ComponentRecord | undefined;
    // A base a day with one segment of WAL behind it; on day 3 a position in the middle of nowhere is kept.
    for (let today = 0; today < 20; today += 1) {
      clock.now = new Date(begin + today * dayMs);
      const record = await base(repository, clock.now, today);
      await sealRecords(repository, await reserve(repository, clock.now), [record]);
      const startLsn = BigInt(today * segmentBytes);
      await archive.put(segment(1, today), Buffer.alloc(segmentBytes, today + 1), clock.now.toISOString());
      if (today !== 3) continue;
      const endLsn = formatLsn(startLsn + 5n);
      chained = { ...record, chain: { base: '20260104_000000', timeline: 1, endLsn, walBytes: 5, forecastSeconds: 1 } };
      await sealRecords(repository, await reserve(repository, clock.now), [chained], [], 'incremental');
    }
    const plan = await planRetention({
      repository,
      limits,
      holds: [],
      capacityBytes: 1e12,
      now: clock.now,
      maxShare: 1,
    });
    expect(plan.remove).toEqual([]);
    // Now is day 19: the window begins on day 12. Its base ends at segment 12; day 3 is kept by the position.
    const leaves = plan.wal.keys.map((key) => Number.parseInt(key.slice(-8), 16)).sort((a, b) => a - b);
    expect(leaves).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    await repository.collect({ expire: [], wal: plan.wal.keys, holder: 'test' });
    expect((await archive.list()).pieces).toHaveLength(9);
  },
);

repositoryTest(
  'F7: parts of a segment leave only where the whole one, which a kept position needs, is sound',
  async ({ folder, open }) => {
    const { clock, repository } = await timedRepository(folder, new Date('2026-01-01T00:00:00Z'), open);
    const archive = archiveIn(repository);
    const record = await base(repository, clock.now, 0);
    await sealRecords(repository, await reserve(repository, clock.now), [record]);
    for (const number of [0, 1]) {
      const whole = segment(1, number);
      const part = { ...whole, endLsn: whole.startLsn + 1000n };
      await archive.put(part, Buffer.alloc(1000, 1), clock.now.toISOString());
      await archive.put(whole, Buffer.alloc(segmentBytes, 1), clock.now.toISOString());
    }
    const chain = { base: '20260101_000000', timeline: 1, endLsn: '0/10001F4', walBytes: 5, forecastSeconds: 1 };
    await sealRecords(repository, await reserve(repository, clock.now), [{ ...record, chain }], [], 'incremental');
    await repository.storage.remove(archive.keyOf(segment(1, 1)));
    await repository.storage.putIfAbsent(archive.keyOf(segment(1, 1)), Buffer.from('planted'));
    clock.now = new Date(clock.now.getTime() + 20 * dayMs);
    await sealRecords(repository, await reserve(repository, clock.now), [await base(repository, clock.now, 9)]);
    clock.now = new Date(clock.now.getTime() + 8 * dayMs);
    const options = { repository, limits, holds: [], capacityBytes: 1e12, now: clock.now, maxShare: 1 };
    const { wal } = await planRetention(options);
    expect(wal.keys.map((key) => key.slice(key.lastIndexOf('/') + 1))).toEqual([
      `${'000000010000000000000000'}.${'0'.repeat(16)}-${'3E8'.padStart(16, '0')}`,
    ]);
  },
);

repositoryTest(
  'WAL of a timeline that went on after an undone restore begins at a base of its own, not at one of the abandoned',
  async ({ folder, open }) => {
    const begin = Date.parse('2026-01-01T00:00:00Z');
    const { clock, repository } = await timedRepository(folder, new Date(begin), open);
    const archive = archiveIn(repository);
    const on = (day: number): string => (clock.now = new Date(begin + day * dayMs)).toISOString();
    const full = async (timeline: number, endSegment: number): Promise<void> => {
      const record = await base(repository, clock.now, endSegment, timeline);
      await sealRecords(repository, await reserve(repository, clock.now), [record]);
    };
    const wal = async (timeline: number, number: number): Promise<unknown> =>
      archive.put(segment(timeline, number), Buffer.alloc(segmentBytes, timeline), clock.now.toISOString());
    on(0);
    await full(1, 0);
    for (let day = 0; day < 4; day += 1) {
      on(day);
      await wal(1, day);
    }
    // On day 3 it was restored to what stood in segment 2, and on the same day that was undone.
    await archive.putHistory(2, `1\t${formatLsn(BigInt(2.5 * segmentBytes))}\tbefore\n`, on(3.1));
    await wal(2, 2);
    on(3.2);
    await full(2, 3);
    for (let day = 4; day < 12; day += 1) {
      on(day);
      await wal(1, day);
    }
    await full(1, 12);
    const plan = async () =>
      planRetention({ repository, limits, holds: [], capacityBytes: 1e12, now: clock.now, maxShare: 1 });
    // Now is day 11: each moment since day 4 needs timeline 1 from its only base before on.
    expect((await plan()).wal.keys.map((key) => key.slice(-24))).toEqual(['000000020000000000000002']);
    on(18.5);
    await wal(1, 12);
    // The window began on day 11.5, after the base of day 11 that ends at segment 12.
    expect((await plan()).wal.keys.filter((key) => key.includes('/00000001')).length).toBe(12);
  },
);

repositoryTest('WAL of a database that is only quiet stays behind its base, however old', async ({ folder, open }) => {
  const begin = Date.parse('2026-01-01T00:00:00Z');
  const { clock, repository } = await timedRepository(folder, new Date(begin), open);
  const archive = archiveIn(repository);
  await sealRecords(repository, await reserve(repository, clock.now), [await base(repository, clock.now, 0)]);
  for (let number = 0; number < 3; number += 1) {
    clock.now = new Date(begin + number * dayMs);
    await archive.put(segment(1, number), Buffer.alloc(segmentBytes, number), clock.now.toISOString());
  }
  clock.now = new Date(begin + 11 * dayMs);
  await archive.putCoverage(1, { lsn: formatLsn(BigInt(3 * segmentBytes)), time: clock.now.toISOString() });
  const plan = await planRetention({ repository, limits, holds: [], capacityBytes: 1e12, now: clock.now, maxShare: 1 });
  expect(plan.wal.keys).toEqual([]);
});
