import { expect, test } from 'vitest';
import { fleetAppliance } from '../../bench/fleet/appliance.ts';
import { dayOf } from '../../bench/fleet/day.ts';
import { fleetText, loadOf, type FleetResult } from '../../bench/fleet/report.ts';

const counts = {
  writes: 14_400,
  reads: 30_000,
  actions: { command_ScheduleActivityTask: 2400, command_StartTimer: 100 },
  requests: { RecordActivityTaskHeartbeat: 1200, PollActivityTaskQueue: 10 },
  openPolls: { workflow: 12, activity: 92, nexus: 0 },
};
const rates = { seconds: 60, counts, serverCpu: 0.5, workerCpu: 0.1, databaseBytes: 2e7 };
const sum = { runs: 2, events: 200, bytes: 40_000, transitions: 120 };
const result: FleetResult = {
  appliances: 20,
  schedules: dayOf(fleetAppliance('a')),
  day: { sums: new Map([['fullBackup', sum]]), rates },
  polls: { appliances: 10, workflow: 2, activity: 10, serverBytes: 1e6 },
  created: { schedules: 180, seconds: 2 },
  alwaysOnSeconds: 0.5,
  idle: rates,
  workerStart: { seconds: 0.2, requests: 20, planSeconds: 1 },
  burst: {
    appliances: 20,
    jitterSeconds: 600,
    rates,
    peak: { serverBytes: 3e8, workerBytes: 2e8 },
    starts: [100, 200, 11_000],
    durations: [900],
    waits: { fullBackup: { workflow: [5, 7], activity: [9] }, rpoWatch: { workflow: [], activity: [] } },
    sums: new Map([
      ['fullBackup', { runs: 20, events: 2000, bytes: 4e5, transitions: 1200 }],
      ['rpoWatch', { runs: 40, events: 1000, bytes: 2e5, transitions: 600 }],
    ]),
    isOver: true,
  },
};

test('the result says what was measured, and what larger fleets ask for', () => {
  const text = fleetText(result);
  expect(text).toMatch(/^rpo-watch +\*\/5 \* \* \* \* +4 m 00 s +288$/m);
  expect(text).toMatch(/^fullBackup +2\.0 +100 +20\.0 kB +200 +40\.0 kB +120$/m);
  expect(text).toMatch(/^at rest: heartbeats per second +20\.0$/m);
  expect(text).toMatch(/^full backups due within 10 m 00 s: over after +1 m 00 s$/m);
  expect(text).toMatch(/^fullBackup: begins after its time +200 ms +11 s +11 s +11 s +3$/m);
  expect(text).toMatch(/^appliances +20 +1000 +10000 +100000$/m);
  expect(text).toMatch(/^frontends at 1200 polls each +1 +9 +84 +834$/m);
});

test('what is always on counts beside a day of runs', () => {
  expect(loadOf(result)).toMatchObject({
    events: 200,
    writes: 14_400,
    idleWrites: 12,
    schedules: 10,
    activityPolls: 10,
  });
});
