import { expect, test } from 'vitest';
import { clockChanges } from '../../src/config/daylight-saving.ts';
import { parseConfiguration } from '../../src/config/load.ts';

const now = new Date('2026-11-28T00:00:00Z');

test('X14: a daily run at a time that does not exist in spring, and one that comes twice in autumn', () => {
  expect(clockChanges('30 2 * * *', 'Europe/Berlin', now)).toEqual([
    { time: '2027-03-28 02:30', effect: 'skipped' },
    { time: '2027-10-31 02:30', effect: 'twice' },
  ]);
  expect(clockChanges('0 2 * * *', 'America/New_York', now)).toEqual([{ time: '2027-03-14 02:00', effect: 'skipped' }]);
  expect(clockChanges('0 1 * * *', 'America/New_York', now)).toEqual([{ time: '2027-11-07 01:00', effect: 'twice' }]);
});

test('X14: half an hour counts where clocks change by half an hour', () => {
  expect(clockChanges('15 2 * * *', 'Australia/Lord_Howe', now)).toEqual([
    { time: '2027-10-03 02:15', effect: 'skipped' },
  ]);
});

test.each([
  ['0 4 * * *', 'Europe/Berlin'],
  ['0 2 * * *', 'UTC'],
  ['0 2 * * *', 'Asia/Kolkata'],
  // Clocks change on a Sunday.
  ['30 2 * * 1-5', 'Europe/Berlin'],
])('`%s` in %s meets no change', (cron, zone) => expect(clockChanges(cron, zone, now)).toEqual([]));

test('X14: the configuration warns of the run, its day and what to do', () => {
  const { warnings } = parseConfiguration(
    `appliance: wazuh
repository: {path: /b, encryption: none}
components: {c: {kind: files, paths: [/etc/x]}}
schedules: {backup-full: {cron: "30 2 * * *", timeZone: Europe/Berlin}, backup-incremental: {timeZone: Europe/Berlin}}
`,
    'f',
  );
  const told = warnings.filter((text) => text.includes('schedule'));
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/^schedule `backup-full`: .*02:30.*(is skipped|runs twice).*Europe\/Berlin.*UTC/);
});
