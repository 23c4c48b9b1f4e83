import { Client, Connection, ScheduleNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applySchedules, planSchedules } from '../../schedules/reconcile.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import { scheduleNames } from '../../src/domain/schedules.ts';
import { startTemporal } from '../support/engines.ts';
import type { RunningTemporal } from '../../src/dev/temporal.ts';

let temporal: RunningTemporal;
let connection: Connection;
let client: Client;

beforeAll(async () => {
  temporal = await startTemporal();
  connection = await Connection.connect({ address: temporal.address });
  client = new Client({ connection, namespace: temporal.namespace });
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

/** Of the guide's table: what becomes of a run that is due while the last one is open, and how late one may begin. */
const table: Readonly<Record<string, readonly [workflow: string, overlap: string, catchUp: string]>> = {
  'backup-full': ['fullBackup', 'SKIP', '6 h'],
  'backup-incremental': ['incrementalBackup', 'BUFFER_ONE', '1 h'],
  'backup-critical': ['criticalBackup', 'BUFFER_ONE', '0.25 h'],
  'backup-monitoring': ['monitoringBackup', 'SKIP', '2 h'],
  'backup-configuration': ['configurationBackup', 'SKIP', '6 h'],
  replicate: ['replicate', 'BUFFER_ONE', '6 h'],
  'verify-daily': ['verifyDaily', 'BUFFER_ONE', '6 h'],
  'prove-weekly': ['proveBackup', 'SKIP', '24 h'],
  'rpo-watch': ['rpoWatch', 'SKIP', `${1 / 60} h`],
  retention: ['retention', 'SKIP', '6 h'],
};

test('D2.1–D2.3, D4.5, §1.3: each schedule stands on the server with its overlap and its catch-up', async () => {
  const { appliance } = parseConfiguration(
    `appliance: all
repository: { path: /b, encryption: none }
locations: { vault: { kind: local, path: /v } }
components:
  data: { kind: files, paths: [/etc/x] }
  conf: { kind: files, tier: configuration, paths: [/etc/y] }
  metrics: { kind: files, tier: monitoring, paths: [/etc/z] }
`,
    'f',
  );
  await applySchedules(client, appliance);
  const found = Object.fromEntries(
    await Promise.all(
      scheduleNames.map(async (name) => {
        const { policies, action } = await client.schedule.getHandle(`${name}/all`).describe();
        const workflow = action.type === 'startWorkflow' ? action.workflowType : '';
        return [name, [workflow, policies.overlap, `${policies.catchupWindow / 3600_000} h`]] as const;
      }),
    ),
  );
  expect(found).toEqual(table);
});

describe('schedules are reconciled from the configuration', () => {
  test('D2.1: the daily 02:00 full backup skips overlaps and catches up for 6 h, not for a year', async () => {
    await applySchedules(client, applianceWith('{cron: "0 2 * * *"}'));
    const { policies, info, action } = await daily().describe();
    expect(policies.overlap).toBe('SKIP');
    expect(policies.catchupWindow).toBe(6 * 3600_000);
    expect(info.nextActionTimes[0]?.toISOString()).toMatch(/T02:0\d:/);
    expect(action).toMatchObject({ type: 'startWorkflow', workflowType: 'fullBackup', taskQueue: 'lifeboat' });
  });

  test('a changed time replaces the old one, and an operator’s pause with its note survives', async () => {
    await daily().pause('disk is being changed');
    await applySchedules(client, applianceWith('{cron: "30 3 * * *"}'));
    const { state, info, spec } = await daily().describe();
    expect(state).toMatchObject({ paused: true, note: 'disk is being changed' });
    expect(spec.calendars).toHaveLength(1);
    expect(info.nextActionTimes[0]?.toISOString()).toMatch(/T03:3\d:/);
  });

  test('two workers at once end with one schedule', async () => {
    await Promise.all([1, 2, 3].map(async () => applySchedules(client, applianceWith('{cron: "0 2 * * *"}'))));
    const ids: string[] = [];
    for await (const { scheduleId } of client.schedule.list()) ids.push(scheduleId);
    expect(ids.filter((id) => id === 'backup-full/wazuh').length).toBeLessThanOrEqual(1);
  });

  test('one that is switched off is removed; a stranger’s of the same name is left alone', async () => {
    await applySchedules(client, applianceWith('{cron: "0 2 * * *", enabled: false}'));
    await expect(daily().describe()).rejects.toBeInstanceOf(ScheduleNotFoundError);
    await client.schedule.create({
      scheduleId: 'backup-full/wazuh',
      spec: { intervals: [{ every: '1 day' }] },
      action: { type: 'startWorkflow', workflowType: 'other', taskQueue: 'other' },
    });
    await applySchedules(client, applianceWith('{cron: "0 2 * * *", enabled: false}'));
    await applySchedules(client, applianceWith('{cron: "0 2 * * *"}'));
    expect((await daily().describe()).action).toMatchObject({ workflowType: 'other' });
  });

  test('the plan says what differs, changes nothing, and an applied one leaves nothing to do', async () => {
    const appliance = applianceWith(
      '{cron: "*/20 1-5/2 1 jan mon-fri", timeZone: Asia/Tokyo, overlap: BUFFER_ONE, jitter: 5m}',
    );
    await daily().delete();
    const [full, ...others] = await planSchedules(client, appliance);
    expect(full).toEqual({ scheduleId: 'backup-full/wazuh', action: 'create', reasons: [] });
    expect(new Set(others.map(({ action }) => action))).toEqual(new Set(['keep']));
    await expect(daily().describe()).rejects.toBeInstanceOf(ScheduleNotFoundError);
    await applySchedules(client, appliance);
    expect((await planSchedules(client, appliance)).every(({ action }) => action === 'keep')).toBe(true);
    expect((await planSchedules(client, applianceWith('{}')))[0]).toEqual({
      scheduleId: 'backup-full/wazuh',
      action: 'update',
      reasons: ['times', 'time zone', 'jitter', 'overlap'],
    });
  });

  test('what somebody changed by hand on the server is found and put right', async () => {
    await applySchedules(client, applianceWith('{}'));
    await daily().update((previous) => ({
      ...previous,
      spec: { ...previous.spec, calendars: [], cronExpressions: ['0 5 * * *'] },
    }));
    expect((await applySchedules(client, applianceWith('{}')))[0]).toMatchObject({
      action: 'update',
      reasons: ['times'],
    });
    expect((await daily().describe()).info.nextActionTimes[0]?.toISOString()).toMatch(/T02:0\d:/);
    const argsOf = async () => {
      const { action } = await daily().describe();
      return action.type === 'startWorkflow' ? action.args : [];
    };
    const args = await argsOf();
    await daily().update(({ action, ...previous }) => ({
      ...previous,
      action: { ...action, args: [{ component: 'x' }] },
    }));
    expect((await applySchedules(client, applianceWith('{}')))[0]).toMatchObject({
      action: 'update',
      reasons: ['input'],
    });
    expect(await argsOf()).toEqual(args);
  });

  test('X2: monitoring data, configuration and copies have schedules where there is something to run for', async () => {
    const { appliance } = parseConfiguration(
      `appliance: full
repository: {path: /b, encryption: none}
locations: {nas: {kind: local, path: /nas}}
components:
  c: {kind: files, tier: configuration, paths: [/etc/x]}
  m: {kind: files, tier: monitoring, paths: [/var/lib/m]}
schedules:
  backup-incremental: {jitter: 0s}
  backup-monitoring: {jitter: 0s}
  backup-configuration: {jitter: 0s}
  replicate: {jitter: 0s}
`,
      'f',
    );
    await applySchedules(client, appliance);
    const due = await Promise.all(
      ['backup-incremental', 'backup-monitoring', 'backup-configuration', 'replicate'].map(async (name) => {
        const { action, info, policies } = await client.schedule.getHandle(`${name}/full`).describe();
        const times = info.nextActionTimes.slice(0, 6).map((time) => time.toISOString().slice(11, 16));
        return [
          action.type === 'startWorkflow' && action.workflowType,
          policies.overlap,
          [...new Set(times)].sort().join(' '),
        ];
      }),
    );
    expect(due).toEqual([
      ['incrementalBackup', 'BUFFER_ONE', '08:00 14:00 20:00'],
      ['monitoringBackup', 'SKIP', '00:30 04:30 08:30 12:30 16:30 20:30'],
      ['configurationBackup', 'SKIP', '14:30'],
      ['replicate', 'BUFFER_ONE', '05:00'],
    ]);
  });

  test('a stranger’s schedule of our appliance is told and left alone', async () => {
    await client.schedule.create({
      scheduleId: 'nightly-dump/wazuh',
      spec: { intervals: [{ every: '1 day' }] },
      action: { type: 'startWorkflow', workflowType: 'other', taskQueue: 'other' },
    });
    const listed = async () => {
      const ids: string[] = [];
      for await (const { scheduleId } of client.schedule.list()) ids.push(scheduleId);
      return ids;
    };
    await expect.poll(listed).toContain('nightly-dump/wazuh');
    expect(
      (await applySchedules(client, applianceWith('{}'), { listsAll: false })).map(({ action }) => action),
    ).toEqual(expect.not.arrayContaining(['unmanaged']));
    expect(await applySchedules(client, applianceWith('{}'))).toContainEqual({
      scheduleId: 'nightly-dump/wazuh',
      action: 'unmanaged',
      reasons: ['not known to this version; it is left alone'],
    });
    expect(await listed()).toContain('nightly-dump/wazuh');
  });
});
