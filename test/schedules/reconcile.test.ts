import { Client, Connection, ScheduleNotFoundError } from '@temporalio/client';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reconcileSchedules } from '../../schedules/reconcile.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import { startTemporal } from '../support/engines.ts';
import type { RunningTemporal } from '../../src/dev/temporal.ts';

let temporal: RunningTemporal;
let connection: Connection;
let client: Client;
const silent = pino({ level: 'silent' });

beforeAll(async () => {
  temporal = await startTemporal();
  connection = await Connection.connect({ address: temporal.address });
  client = new Client({ connection });
});
afterAll(async () => {
  await connection.close();
  await temporal.stop();
});

function applianceWith(schedule: string): Appliance {
  return parseConfiguration(
    `appliance: wazuh\nrepository: {path: /b, encryption: none}\ncomponents: {c: {kind: files, paths: [/etc/x]}}\nschedules: {backup-full: ${schedule}}\n`,
    'f',
  ).appliance;
}

const daily = () => client.schedule.getHandle('backup-full/wazuh');

describe('schedules are reconciled from the configuration', () => {
  test('D2.1: the daily 02:00 full backup skips overlaps and catches up for 6 h, not for a year', async () => {
    await reconcileSchedules(client, applianceWith('{cron: "0 2 * * *"}'), silent);
    const { policies, info, action } = await daily().describe();
    expect(policies.overlap).toBe('SKIP');
    expect(policies.catchupWindow).toBe(6 * 3600_000);
    expect(info.nextActionTimes[0]?.toISOString()).toMatch(/T02:00:00\.000Z$/);
    expect(action).toMatchObject({ type: 'startWorkflow', workflowType: 'fullBackup', taskQueue: 'lifeboat' });
  });

  test('a changed time replaces the old one, and an operator’s pause with its note survives', async () => {
    await daily().pause('disk is being changed');
    await reconcileSchedules(client, applianceWith('{cron: "30 3 * * *"}'), silent);
    const { state, info, spec } = await daily().describe();
    expect(state).toMatchObject({ paused: true, note: 'disk is being changed' });
    expect(spec.calendars).toHaveLength(1);
    expect(info.nextActionTimes[0]?.toISOString()).toMatch(/T03:30:00\.000Z$/);
  });

  test('two workers at once end with one schedule', async () => {
    await Promise.all(
      [1, 2, 3].map(async () => reconcileSchedules(client, applianceWith('{cron: "0 2 * * *"}'), silent)),
    );
    const ids: string[] = [];
    for await (const { scheduleId } of client.schedule.list()) ids.push(scheduleId);
    expect(ids.filter((id) => id === 'backup-full/wazuh').length).toBeLessThanOrEqual(1);
  });

  test('one that is switched off is removed; a stranger’s of the same name is left alone', async () => {
    await reconcileSchedules(client, applianceWith('{cron: "0 2 * * *", enabled: false}'), silent);
    await expect(daily().describe()).rejects.toBeInstanceOf(ScheduleNotFoundError);
    await client.schedule.create({
      scheduleId: 'backup-full/wazuh',
      spec: { intervals: [{ every: '1 day' }] },
      action: { type: 'startWorkflow', workflowType: 'other', taskQueue: 'other' },
    });
    await reconcileSchedules(client, applianceWith('{cron: "0 2 * * *", enabled: false}'), silent);
    await reconcileSchedules(client, applianceWith('{cron: "0 2 * * *"}'), silent);
    expect((await daily().describe()).action).toMatchObject({ workflowType: 'other' });
  });
});
