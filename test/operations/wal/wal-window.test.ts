/** Retention of archived WAL beside bases and positions on them, day by day against what must be possible. */
import { expect } from 'vitest';
import { formatLsn } from '../../../src/domain/lsn.ts';
import type { BackupType, ComponentRecord } from '../../../src/domain/recovery-point.ts';
import { defaultMaxShare } from '../../../src/domain/retention.ts';
import { baseFor } from '../../../src/operations/restore/select-base.ts';
import { applyRetention } from '../../../src/operations/retention/retention.ts';
import { requireChain } from '../../../src/operations/wal/chain.ts';
import { reserve, sealRecords } from '../../repository/backup.ts';
import { repositoryTest } from '../../repository/fixture.ts';
import { archiveIn, base, limits, segment, segmentBytes, timedRepository } from './wal-base.ts';

const hour = 3600_000;
const day = 24 * hour;

type Event = 'wal' | 'retention' | BackupType;

const timetable: readonly [number, Event][] = [
  [2, 'full'],
  [5, 'critical'],
  [6, 'retention'],
  [11, 'wal'],
  [14, 'incremental'],
  [23, 'wal'],
];

repositoryTest(
  'D2.2, D2.7: through thirty-six days any moment of the last seven can be restored, kept positions stay whole, and older WAL goes',
  async ({ folder, open }) => {
    const begin = Date.parse('2026-01-01T00:00:00Z');
    const { clock, repository } = await timedRepository(folder, new Date(begin), open);
    const archive = archiveIn(repository);
    let newest: { readonly id: string; readonly record: ComponentRecord } | undefined;
    let segments = 0;
    const seal = async (type: BackupType): Promise<void> => {
      const end = { timeline: 1, endLsn: formatLsn(BigInt(segments * segmentBytes)) };
      const at = clock.now.toISOString();
      const record: ComponentRecord =
        type === 'full' || newest === undefined
          ? await base(repository, clock.now, segments)
          : {
              ...newest.record,
              capturedUntil: at,
              chain: { base: newest.id, ...end, walBytes: 1, forecastSeconds: 1 },
            };
      const id = await reserve(repository, clock.now);
      await sealRecords(repository, id, [record], [], type);
      await repository.closeIntent(id);
      if (record.chain === undefined) newest = { id, record };
    };
    const retention = async (): Promise<void> => {
      await applyRetention({
        repository,
        limits,
        holds: [],
        capacityBytes: 1e12,
        now: clock.now,
        maxShare: defaultMaxShare,
        holder: 'test',
        signal: new AbortController().signal,
      });
    };
    /** Of the last seven days each eighth hour, and every position that is kept. */
    const look = async (today: number): Promise<void> => {
      const first = begin + 2 * hour;
      const covered = Date.parse((await archive.coverage(1))!.time);
      for (let at = covered; at >= Math.max(first, clock.now.getTime() - 7 * day); at -= 8 * hour) {
        const value = new Date(at).toISOString();
        const { wal } = await baseFor(repository, 'pg', { kind: 'time', value }, 'latest');
        expect(wal, `on day ${today} to ${value}`).toMatchObject({ timeline: 1 });
      }
      for (const { manifest, problem } of await repository.listManifests()) {
        expect(problem).toBeUndefined();
        for (const record of manifest!.lifeboat.components) await requireChain(repository, manifest!.timestamp, record);
      }
      // Two a day; the window begins at the base before it, and the hours since retention ran.
      expect((await archive.list()).pieces.length, `on day ${today}`).toBeLessThanOrEqual(2 * 9);
    };
    for (let today = 0; today < 36; today += 1) {
      for (const [at, what] of timetable) {
        clock.now = new Date(begin + today * day + at * hour);
        if (what === 'wal') {
          const bytes = Buffer.alloc(segmentBytes, segments + 1);
          await archive.put(segment(1, segments), bytes, clock.now.toISOString());
          segments += 1;
          await archive.putCoverage(1, {
            lsn: formatLsn(BigInt(segments * segmentBytes)),
            time: clock.now.toISOString(),
          });
        } else if (what === 'retention') await retention();
        else await seal(what);
      }
      // The window moves by a day each; what leaves with the first full backups does so on the last days.
      if (today > 0 && (today % 3 === 0 || today > 28)) await look(today);
    }
  },
);
