import { join } from 'node:path';
import { expect } from 'vitest';
import { formatLsn } from '../../src/domain/lsn.ts';
import type { ComponentRecord } from '../../src/domain/recovery-point.ts';
import { planRetention } from '../../src/operations/retention.ts';
import { initRepository } from '../../src/repository/init.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { reserve, sealRecords, testKey } from '../repository/backup.ts';
import { repositoryTest } from '../repository/fixture.ts';
import { timed, type Clock } from '../support/timed-storage.ts';

const segmentBytes = 0x1000000;
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

/** A base whose own WAL ends at the given segment. */
async function base(repository: Repository, at: Date, endSegment: number): Promise<ComponentRecord> {
  const backupId = await reserve(repository, at);
  const writer = await repository.writeComponent({ backupId, componentId: 'pg', blockSize: 65_536 });
  await writer.bytes('PG_VERSION', Buffer.from('15\n'));
  const { indexId, files, bytes, storedBytes } = await writer.finish();
  await repository.closeIntent(backupId);
  return {
    id: 'pg',
    kind: 'postgres',
    host: 'main',
    indexId,
    files,
    bytes,
    storedBytes,
    quiescence: 'quiesced',
    suspect: false,
    capturedFrom: at.toISOString(),
    capturedUntil: at.toISOString(),
    facts: {
      systemIdentifier: '7',
      walSegmentBytes: segmentBytes,
      timeline: 1,
      stopLsn: formatLsn(BigInt(endSegment * segmentBytes)),
    },
  };
}

repositoryTest(
  'WAL stays for the window, for the base that begins it, and where a kept point is a position on it',
  async ({ folder, open }) => {
    const clock: Clock = { now: new Date('2026-01-01T00:00:00Z') };
    const storage = timed(createLocalStorage(join(folder, 'r')), clock);
    await (await initRepository(storage, testKey)).repository.close();
    const repository = await open(storage);
    const archive = repository.wal({ component: 'pg', systemId: '7', segmentBytes });
    const begin = clock.now.getTime();
    let chained: ComponentRecord | undefined;
    // A base a day with one segment of WAL behind it; on day 3 a position in the middle of nowhere is kept.
    for (let today = 0; today < 20; today += 1) {
      clock.now = new Date(begin + today * dayMs);
      const record = await base(repository, clock.now, today);
      await sealRecords(repository, await reserve(repository, clock.now), [record]);
      const startLsn = BigInt(today * segmentBytes);
      const piece = { timeline: 1, startLsn, endLsn: startLsn + BigInt(segmentBytes) };
      await archive.put(piece, Buffer.alloc(segmentBytes, today + 1), clock.now.toISOString());
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
