import { join } from 'node:path';
import { expect } from 'vitest';
import { parseConfiguration } from '../../../src/config/load.ts';
import type { Appliance } from '../../../src/domain/appliance.ts';
import { measureExposure, noteUnanswered, storeExposure } from '../../../src/operations/rpo/location-coverage.ts';
import { readRpo, rpoNewsSince, storeRpoState } from '../../../src/operations/rpo/readings.ts';
import { watchdog } from '../../../src/operations/rpo/watchdog.ts';
import { backUp } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';

function applianceIn(folder: string, more = ''): Appliance {
  const text = `appliance: shop
state: ${join(folder, 'state')}
repository: {path: /b, encryption: none}
components: {files: {kind: files, paths: [/etc/x]}}
${more}`;
  return parseConfiguration(text, 'f').appliance;
}

test('a missed run is noticed within a tenth of the objective, with worker and Temporal dead, told once and reminded daily', async ({
  repository,
  folder,
}) => {
  const appliance = applianceIn(folder);
  const begin = Date.now();
  await backUp(repository, async (writer) => writer.bytes('a', Buffer.from('x')));
  const at = (minutes: number): Date => new Date(begin + minutes * 60_000 + 2000);
  const open = async () => repository;
  // Somebody watches until the tenth minute.
  const { levels } = await rpoNewsSince(repository, appliance, at(10));
  await storeRpoState(repository, { at: at(10).toISOString(), levels });
  const told: [number, string[]][] = [];
  for (let minutes = 5; minutes < 70; minutes += 5) {
    const look = await watchdog(open, appliance, at(minutes));
    if (look.news.length > 0) told.push([minutes, [...look.news]]);
    await look.told();
  }
  expect(told.map(([minutes, news]) => [minutes, news.map((text) => text.split(/[:;]/)[0])])).toEqual([
    [30, ['NOBODY WATCHES', 'RPO at 50 % in repository']],
    [50, ['RPO at 80 % in repository']],
    // 66 minutes would be the limit.
    [60, ['RPO BREACHED in repository']],
  ]);
  const next = await watchdog(open, appliance, at(60 + 24 * 60 + 1));
  expect(next.news[0]).toContain('NOBODY WATCHES');
});

test('while somebody watches it says nothing; a repository that is gone is told', async ({ repository, folder }) => {
  const appliance = applianceIn(folder);
  const now = new Date();
  await storeRpoState(repository, { at: now.toISOString(), levels: {} });
  const look = await watchdog(async () => repository, appliance, now);
  expect(look).toMatchObject({ problems: [expect.stringMatching(/^RPO BREACHED .*no copy/)], news: [] });
  const gone = await watchdog(
    async () => {
      throw new Error('no disk');
    },
    appliance,
    now,
  );
  expect(gone.news).toEqual(['REPOSITORY NOT READABLE: no disk']);
});

test('a clock that was ahead silences nobody: what it dated counts for nothing', async ({ repository, folder }) => {
  const appliance = applianceIn(folder);
  const ahead = new Date();
  const now = new Date(ahead.getTime() - 86_400_000);
  await backUp(repository, async (writer) => writer.bytes('a', Buffer.from('x')));
  await storeRpoState(repository, { at: ahead.toISOString(), levels: {} });
  const { problems, news } = await watchdog(async () => repository, appliance, now);
  expect(problems[0]).toBe('RPO BREACHED in repository: files no copy, at most 1 h 00 m');
  expect(news[0]).toMatch(/^NOBODY KNOWS WHO WATCHES: .* ahead of this clock/);
});

test('X1: a location that never answered is a breach; a copy there that nobody verifies becomes one', async ({
  repository,
  folder,
}) => {
  const appliance = applianceIn(
    folder,
    `locations: {vault: {kind: local, path: ${join(folder, 'vault')}, offHost: true}}\n`,
  );
  await noteUnanswered(repository, 'vault', 'no route to host');
  const now = new Date();
  await storeRpoState(repository, { at: now.toISOString(), levels: {} });
  const { problems } = await watchdog(async () => repository, appliance, now);
  expect(problems).toEqual([
    'RPO BREACHED in vault (off the host): files no copy, at most 1 h 00 m (it does not answer)',
    'RPO BREACHED in repository: files no copy, at most 1 h 00 m',
  ]);
  const { id } = await backUp(repository, async (writer) => writer.bytes('a', Buffer.from('x')));
  await storeExposure(repository, await measureExposure(async () => repository, appliance, 'vault', new Date()));
  const later = new Date(Date.now() + 4 * 86_400_000);
  const verified = async () =>
    (await readRpo(repository, appliance, later)).filter(({ clock }) => clock === 'verified').map(({ level }) => level);
  expect(await verified()).toEqual(['breached', 'breached']);
  await repository.putProof(id, { kind: 'verify', levels: ['L1', 'L3'], ok: true, state: 'verified' });
  expect((await readRpo(repository, appliance, new Date())).map(({ level }) => level)).toEqual([
    'ok',
    'ok',
    'ok',
    'ok',
  ]);
});
