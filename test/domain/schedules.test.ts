import { expect, test } from 'vitest';
import { parseConfiguration } from '../../src/config/load.ts';
import { jitterOf, scheduleKinds, scheduleNames } from '../../src/domain/schedules.ts';

const { appliance } = parseConfiguration(
  `appliance: a
repository: { path: /r, encryption: none }
schedules: { backup-full: { jitter: 2h } }
services:
  s: { command: [s], pidFile: /p, logFile: /l, ready: { health: 'http://127.0.0.1:1/' } }
components:
  c: { kind: files, services: [s], paths: [/c] }
`,
  'lifeboat.yaml',
);

test('every schedule has a jitter, so that appliances which share a server do not begin at once', () => {
  for (const name of scheduleNames) expect(scheduleKinds[name].defaults.jitterSeconds).toBeGreaterThan(0);
});

test('two critical backups are less than half of their objective apart, whatever their jitter is', () => {
  const { cron, jitterSeconds } = scheduleKinds['backup-critical'].defaults;
  expect(cron).toBe('5,25,45 * * * *');
  expect(20 * 60 + jitterSeconds).toBeLessThan(appliance.objectives.rpoSeconds.critical / 2);
});

test('the jitter of a run is that of the schedule of its type, and none where no schedule starts it', () => {
  expect(jitterOf(appliance, 'fullBackup')).toBe(7200);
  expect(jitterOf(appliance, 'retention')).toBe(600);
  expect(jitterOf(appliance, 'restore')).toBe(0);
});
