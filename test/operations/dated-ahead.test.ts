/** F7: a clock that was ahead for one night. */
import { expect } from 'vitest';
import { parseConfiguration } from '../../src/config/load.ts';
import { LifeboatError } from '../../src/domain/errors.ts';
import { clockOf } from '../../src/storage/clock.ts';
import type { BackupId } from '../../src/domain/recovery-point.ts';
import { pointFindings } from '../../src/operations/diagnose-points.ts';
import { readProtection } from '../../src/operations/protection.ts';
import { requireClock } from '../../src/operations/require-clock.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { backUp } from '../repository/backup.ts';
import { repositoryTest as test } from '../repository/fixture.ts';
import { timedRepository } from './wal-base.ts';

const { appliance } = parseConfiguration(
  'appliance: a\nrepository: {path: /b, encryption: none}\ncomponents: {files: {kind: files, paths: [/x]}}\n',
  'f',
);

test('the newest is what was sealed last; a point dated ahead is passed over by name, and can be taken by name', async ({
  folder,
  open,
}) => {
  const { clock, repository } = await timedRepository(folder, new Date('2026-11-28T02:00:00Z'), open);
  const seal = async (at: string, clockAt = at): Promise<BackupId> => {
    clock.now = new Date(clockAt);
    const { id } = await backUp(repository, async (writer) => writer.bytes('state', Buffer.from(at)), {
      time: new Date(at),
    });
    return id;
  };
  const chosen = async (of: Repository = repository): Promise<string[]> =>
    Promise.all(['latest', 'newest'].map(async (at) => (await of.findManifest(at)).timestamp));
  const before = await seal('2026-11-28T02:00:00Z');
  const ahead = await seal('2027-11-29T02:00:00Z');
  clock.now = new Date('2026-11-29T12:00:00Z');
  // Nothing was sealed after it: whichever clock is wrong, it is the newest state.
  expect(await chosen()).toEqual([ahead, ahead]);
  const age = async () => {
    const { components, newest } = await readProtection(repository, appliance, clock.now);
    return [components[0]?.backupId, newest];
  };
  expect(await age(), 'a date that has not come is no age').toEqual([before, before]);
  const after = await seal('2026-11-30T02:00:00Z');
  const last = await seal('2026-12-01T02:00:00Z');
  expect(await chosen()).toEqual([last, last]);
  expect(await age()).toEqual([last, last]);
  expect((await repository.findManifest(ahead)).timestamp).toBe(ahead);
  expect(await pointFindings(repository, new Map())).toMatchObject([
    { level: 'warn', text: `${ahead}: dated ahead of the storage's clock, which says 2026-12-01T02:00:00Z` },
  ]);
  // The clock of today is behind: what was sealed last is still taken.
  clock.now = new Date('2020-01-01T00:00:00Z');
  expect(await chosen()).toEqual([ahead, ahead]);
  await repository.storage.remove(`manifests/2027/11/29/backup_manifest_${ahead}.json`);
  expect(await chosen()).toEqual([last, last]);
  expect(after < last).toBe(true);
});

test('a storage that only lets itself be read is asked for no time', async () => {
  const refused = async (): Promise<never> => {
    throw new LifeboatError('PermissionDenied', 'cannot create .staging: EROFS');
  };
  expect((await clockOf({ now: refused })).getTime()).toBeGreaterThan(Date.now() - 60_000);
});

test('a run that is dated ahead of the storage begins no recovery point; clocks that are a little apart hinder none', () => {
  const storage = new Date('2026-11-30T02:00:00Z');
  requireClock(new Date('2026-11-30T02:50:00Z'), storage);
  requireClock(new Date('2020-01-01T00:00:00Z'), storage);
  expect(() => requireClock(new Date('2027-11-30T02:00:00Z'), storage)).toThrow(
    "this run is dated 2027-11-30T02:00:00Z, 365 d 00 h ahead of the storage's clock",
  );
});
