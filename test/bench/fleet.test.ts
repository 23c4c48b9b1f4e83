import { msNumberToTs } from '@temporalio/common/lib/time.js';
import { describe, expect, it } from 'vitest';
import { applianceName, applianceOf, fleetAppliance } from '../../bench/fleet/appliance.ts';
import { atOnce, patiently } from '../../bench/fleet/at-once.ts';
import { dayName, isOfDay } from '../../bench/fleet/compressed.ts';
import { dayOf, nextSunday, runsADay } from '../../bench/fleet/day.ts';
import { addSums, addWaits, quantile } from '../../bench/fleet/histories.ts';
import { cpuSecondsOf } from '../../bench/fleet/process-use.ts';
import { needsOf, spreadSeconds } from '../../bench/fleet/scale.ts';
import { between, countsOf, parseSamples, total } from '../../bench/fleet/server-metrics.ts';

describe('the appliances of the fleet', () => {
  it('are told by the ids of their runs and of what these start', () => {
    const name = applianceName(7);
    for (const id of [`rpoWatch/${name}-2026-12-06T02:00:00Z`, `walArchive/${name}/postgres`, `lock/${name}/trial`])
      expect(applianceOf(id)).toBe(name);
    expect(isOfDay(applianceOf(`fullBackup/${dayName('backup-full')}-2026-12-06T02:00:00Z`))).toBe(true);
    expect(isOfDay(name)).toBe(false);
  });

  it('have the usual schedules, but for what is given', () => {
    const { schedules } = fleetAppliance('a', { 'backup-full': '5 21 * * *' }, 60);
    expect(schedules['backup-full']).toMatchObject({ cron: '5 21 * * *', jitterSeconds: 60 });
    expect(schedules['rpo-watch']).toMatchObject({ cron: '*/5 * * * *', jitterSeconds: 60 });
  });
});

describe('a day of schedules', () => {
  it('counts what their cron lines make due, a weekly one as a seventh', () => {
    const day = dayOf(fleetAppliance('a'));
    const runs = Object.fromEntries(day.map((each) => [each.name, each.runs]));
    expect(runs).toMatchObject({ 'backup-full': 1, 'backup-critical': 72, 'backup-incremental': 3, 'rpo-watch': 288 });
    expect(day.find(({ name }) => name === 'prove-weekly')).toMatchObject({ runs: 1, share: 1 / 7 });
    expect(runsADay(day)).toBeCloseTo(374 + 1 / 7);
  });

  it('refuses a line that is bound to days of the month', () => {
    expect(() => dayOf(fleetAppliance('a', { retention: '0 6 1 * *' }))).toThrow('0 6 1 * *');
  });

  it('lies on the next Sunday, which is never today', () => {
    expect(new Date(nextSunday(Date.parse('2026-11-30T20:00:00Z'))).toISOString()).toBe('2026-12-06T00:00:00.000Z');
    expect(new Date(nextSunday(Date.parse('2026-12-06T00:00:00Z'))).toISOString()).toBe('2026-12-13T00:00:00.000Z');
  });
});

describe('what the server counts', () => {
  const page = (writes: number) => `# TYPE persistence_requests counter
persistence_requests{namespace="default",operation="UpdateWorkflowExecution",service_name="history"} ${writes}
persistence_requests{namespace="default",operation="GetWorkflowExecution",service_name="history"} 3
persistence_latency_bucket{operation="x",le="1"} 7
action{action_type="command_StartTimer",namespace="default",service_name="history"} 2
action{action_type="command_StartTimer",namespace="temporal_system",service_name="history"} 9
service_requests{namespace="default",operation="PollActivityTaskQueue",service_name="frontend"} 4
service_requests{namespace="default",operation="PollActivityTaskQueue",service_name="matching"} 5
service_pending_requests{namespace="default",operation="PollActivityTaskQueue",service_name="frontend"} 6
num_goroutines 100
`;
  const read = (writes: number) => countsOf(parseSamples(page(writes)), 'default');

  it('is read by kind, of its frontend and of one namespace', () => {
    expect(read(5)).toEqual({
      writes: 5,
      reads: 3,
      actions: { command_StartTimer: 2 },
      requests: { PollActivityTaskQueue: 4 },
      openPolls: { workflow: 0, activity: 6, nexus: 0 },
    });
  });

  it('is compared between two looks', () => {
    const counted = between(read(5), read(12));
    expect(counted).toMatchObject({ writes: 7, reads: 0, openPolls: { activity: 6 } });
    expect(total(counted.actions)).toBe(0);
  });
});

describe('histories', () => {
  it('are summed', () => {
    const sum = { runs: 1, events: 10, bytes: 100, transitions: 5 };
    expect(addSums([sum, sum])).toEqual({ runs: 2, events: 20, bytes: 200, transitions: 10 });
  });

  it('tell how long tasks waited for a worker', () => {
    const at = (ms: number) => msNumberToTs(1_800_000_000_000 + ms);
    const id = (number: number) => msNumberToTs(number * 1000).seconds!;
    const waits = { workflow: [], activity: [] };
    addWaits(
      {
        events: [
          { eventId: id(2), eventTime: at(0) },
          {
            eventId: id(3),
            eventTime: at(20),
            workflowTaskStartedEventAttributes: { scheduledEventId: id(2) },
          },
          { eventId: id(5), eventTime: at(30) },
          {
            eventId: id(6),
            eventTime: at(75),
            activityTaskStartedEventAttributes: { scheduledEventId: id(5) },
          },
        ],
      },
      waits,
    );
    expect(waits).toEqual({ workflow: [20], activity: [45] });
  });

  it('have quantiles', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([51, 100, 100]);
    expect(quantile([], 0.5)).toBeUndefined();
  });
});

describe('a fleet of any size', () => {
  const load = {
    runs: 640,
    scheduledRuns: 432,
    events: 21_600,
    transitions: 12_960,
    writes: 17_280,
    actions: 8640,
    databaseBytes: 2e7,
    cpuSeconds: 43.2,
    idleCpu: 0.0005,
    idleWrites: 0.2,
    idleActions: 0.1,
    schedules: 10,
    activityPolls: 10,
  };

  it('asks for what one appliance asks, as often as there are appliances', () => {
    expect(needsOf(1000, load)).toEqual({
      appliances: 1000,
      schedules: 10_000,
      scheduledStartsPerSecond: 5,
      eventsPerSecond: 250,
      writesPerSecond: 400,
      actionsPerSecond: 200,
      processors: 1,
      databaseBytes: 2e10,
      openPolls: 10_000,
      frontends: 9,
      namespacesForStarts: 1,
      startsOfFullsSeconds: 1000 / 30,
    });
    expect(needsOf(100_000, load)).toMatchObject({ frontends: 834, namespacesForStarts: 17 });
  });

  it('spreads its full backups over what the server has left', () => {
    expect(spreadSeconds(1000, 500, { capacity: 650, beside: 150 })).toBe(1000);
    expect(spreadSeconds(1000, 500, { capacity: 650, beside: 650 })).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('small helpers', () => {
  it('read the processor time of a process whatever its name is', () => {
    const after = ['S', ...Array.from({ length: 10 }, () => '1'), '250', '50', '0'].join(' ');
    expect(cpuSecondsOf(`7 (a) b) ${after}`)).toBe(3);
  });

  it('call some at a time, each once', async () => {
    const seen: number[] = [];
    let open = 0;
    let most = 0;
    await atOnce([1, 2, 3, 4, 5], 2, async (item) => {
      most = Math.max(most, (open += 1));
      await Promise.resolve();
      seen.push(item);
      open -= 1;
    });
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it('ask a busy server again', async () => {
    let asked = 0;
    const busy = async (): Promise<number> => {
      asked += 1;
      if (asked < 3) throw new Error('deadline exceeded');
      return asked;
    };
    expect(await patiently(busy, 1)).toBe(3);
    await expect(patiently(async () => Promise.reject(new Error('gone')), 1)).rejects.toThrow('gone');
  });
});
