import { join } from 'node:path';
import { expect } from 'vitest';
import { parseConfiguration } from '../../src/config/load.ts';
import { rpoNewsSince, storeRpoState } from '../../src/operations/rpo.ts';
import { watchdog } from '../../src/operations/watchdog.ts';
import { backUp } from '../repository/backup.ts';
import { repositoryTest as test } from '../repository/fixture.ts';

test('a missed run is noticed within a tenth of the objective, with worker and Temporal dead, told once and reminded daily', async ({
  repository,
  folder,
}) => {
  const { appliance } = parseConfiguration(
    `appliance: shop
state: ${join(folder, 'state')}
repository: {path: /b, encryption: none}
components: {files: {kind: files, paths: [/etc/x]}}
`,
    'f',
  );
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
  const { appliance } = parseConfiguration(
    `appliance: shop
state: ${join(folder, 'state')}
repository: {path: /b, encryption: none}
components: {files: {kind: files, paths: [/etc/x]}}
`,
    'f',
  );
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
