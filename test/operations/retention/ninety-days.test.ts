import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { backupIdOf, type BackupType } from '../../../src/domain/recovery-point.ts';
import { parseCron } from '../../../src/config/cron.ts';
import { scheduleKinds } from '../../../src/domain/schedules.ts';
import { defaultMaxShare } from '../../../src/domain/retention.ts';
import { applyRetention, planRetention } from '../../../src/operations/retention/retention.ts';
import { graceMs } from '../../../src/repository/collect/collect.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import { backUp, testKey } from '../../repository/backup.ts';
import { repositoryTest } from '../../repository/fixture.ts';
import { initRepository } from '../../../src/repository/init.ts';
import { timed, type Clock } from '../../support/timed-storage.ts';
import { limits } from '../wal/wal-base.ts';

const hour = 3600_000;
const day = 24 * hour;
const offSite = { ...limits, pointSeconds: { ...limits.pointSeconds, full: 90 * 86_400 } };
/** Hours of the day, as the schedules have them. The frequent ones of a day would show nothing that these do not. */
const timetable: readonly [number, BackupType | 'retention'][] = (
  [
    ['backup-full', 'full'],
    ['backup-incremental', 'incremental'],
    ['backup-configuration', 'configuration'],
    ['backup-monitoring', 'monitoring'],
    ['retention', 'retention'],
  ] as const
).flatMap(([name, what]) => {
  const { hours, minutes } = parseCron(scheduleKinds[name].defaults.cron);
  // The last of a day: those before it age as it does.
  return hours.slice(-1).map((at): [number, BackupType | 'retention'] => [at + (minutes[0] ?? 0) / 60, what]);
});
/** Nobody was there: no backup, but retention runs on. */
const outage = [40, 41];
/** The first days, those of the outage, and else each third one: what leaves after 7, 30 and 90 days does so on them too. */
const days = Array.from({ length: 95 }, (_, today) => today).filter(
  (today) => today <= 8 || outage.includes(today) || today % 3 === 0,
);
/** A person holds the full backup of this day until that one. */
const heldFrom = 3;
const heldUntil = 70;
const keptDays: Readonly<Record<BackupType, number>> = {
  full: 30,
  incremental: 7,
  critical: 1,
  configuration: 90,
  monitoring: 7,
};

repositoryTest(
  'D2.1–D2.3, schedules of §1.3: through 95 days exactly the points that must exist do, here and off site, and nothing else is stored',
  async ({ folder, open }) => {
    const clock: Clock = { now: new Date('2026-01-01T00:00:00Z') };
    const storage = timed(createLocalStorage(join(folder, 'r')), clock);
    const target = timed(createLocalStorage(join(folder, 'off-site')), clock);
    await (await initRepository(storage, testKey)).repository.close();
    const repository = await open(storage);
    await repository.replicateTo(target, { owner: 'test' });
    const replica = await open(target);
    const made: { id: string; type: BackupType; at: number }[] = [];
    const same = randomBytes(2000);
    const begin = clock.now.getTime();
    let previous: Awaited<ReturnType<typeof backUp>>['record'] | undefined;
    for (const today of days) {
      for (const [at, what] of [...timetable].sort(([a], [b]) => a - b)) {
        if (what !== 'retention' && outage.includes(today)) continue;
        clock.now = new Date(begin + today * day + at * hour);
        if (what !== 'retention') {
          const made1 = await backUp(
            repository,
            async (writer) => {
              await writer.bytes('same', same);
              await writer.bytes('new', randomBytes(300));
            },
            { type: what, time: clock.now, ...(previous === undefined ? {} : { previous }) },
          );
          previous = made1.record;
          expect(made1.id).toBe(backupIdOf(clock.now));
          made.push({ id: made1.id, type: what, at: clock.now.getTime() });
          continue;
        }
        await repository.replicateTo(target, { owner: 'test' });
        const held =
          today < heldUntil ? made.find((point) => point.at === begin + heldFrom * day + 2 * hour)?.id : undefined;
        const holds = held === undefined ? [] : [held];
        // Several days' points leave at once here; the test below has the usual share.
        const common = { holds, capacityBytes: 1e9, now: clock.now, maxShare: 0.5 };
        const signal = new AbortController().signal;
        await applyRetention({ ...common, repository, limits, holder: 'here', signal });
        await applyRetention({ ...common, repository: replica, limits: offSite, holder: 'there', signal });
        const now = clock.now.getTime();
        const expected = (fullDays: number): string[] =>
          made
            .filter(
              ({ id, type, at: sealed }) =>
                id === held || now - sealed <= (type === 'full' ? fullDays : keptDays[type]) * day,
            )
            .map(({ id }) => id)
            .reverse();
        const listed = await repository.listManifests();
        expect(listed.map(({ timestamp }) => timestamp)).toEqual(expected(30));
        expect(listed.filter(({ problem }) => problem !== undefined)).toEqual([]);
        if (today % 9 === 0) {
          const there = await replica.listManifests();
          expect(there.map(({ timestamp }) => timestamp)).toEqual(expected(90));
          expect(there.filter(({ problem }) => problem !== undefined)).toEqual([]);
        }
      }
    }
    for (const place of [repository, replica]) {
      const needed = new Set<string>();
      for (const { manifest } of await place.listManifests()) {
        expect(await place.check(manifest!, {})).toMatchObject({ ok: true });
        for (const { path } of manifest!.backup_files) needed.add(path);
      }
      const marked = new Set<string>();
      for await (const { key } of place.storage.list('tombstones/')) marked.add(key.slice('tombstones/'.length));
      const stored: string[] = [];
      for (const prefix of ['packs/', 'indexes/'])
        for await (const { key } of place.storage.list(prefix)) if (!marked.has(key)) stored.push(key);
      // The day's own come after retention.
      expect(stored.filter((key) => !needed.has(key))).toEqual([]);
    }
    expect(graceMs).toBe(2 * day);
  },
);

repositoryTest(
  'what retention refuses: a clock that jumped, a point from the future, too many at once',
  async ({ folder, open }) => {
    const clock: Clock = { now: new Date('2026-01-01T00:00:00Z') };
    const storage = timed(createLocalStorage(join(folder, 'r')), clock);
    await (await initRepository(storage, testKey)).repository.close();
    const repository = await open(storage);
    for (let made = 0; made < 5; made += 1) {
      clock.now = new Date(clock.now.getTime() + day);
      await backUp(repository, async (writer) => writer.bytes('file', randomBytes(100)), { time: clock.now });
    }
    const common = { repository, limits, holds: [], capacityBytes: 2000, maxShare: defaultMaxShare };
    const refusalsAt = async (now: Date, own = now) => {
      clock.now = now;
      return (await planRetention({ ...common, now: own })).refusals;
    };
    const today = clock.now;
    expect(await refusalsAt(today)).toEqual([]);
    expect(await refusalsAt(today, new Date(today.getTime() + 10 * 60_000))).toEqual([
      "the storage's clock and ours are 10 m 00 s apart (at most 5 m 00 s)",
    ]);
    expect((await refusalsAt(new Date(today.getTime() - day)))[0]).toMatch(
      /^recovery point \d+_\d+ is from the future, and nothing was sealed after it: /,
    );
    const later = new Date(today.getTime() + 40 * day);
    expect(await refusalsAt(later)).toEqual(['4 of 5 recovery points would leave, 80 %; at most 20 % do in one run']);
    clock.now = later;
    const options = { ...common, now: later, holder: 'test', signal: new AbortController().signal };
    await expect(applyRetention(options)).rejects.toMatchObject({ code: 'Precondition' });
    expect(await repository.listManifests()).toHaveLength(5);
    await applyRetention({ ...options, maxShare: 1 });
    expect(await repository.listManifests()).toHaveLength(1);
  },
);
