import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openRuns } from '../../../src/client/runs.ts';
import type { Appliance } from '../../../src/domain/appliance.ts';
import {
  abortUpdate,
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  type RestoreResult,
} from '../../../workflows/messages.ts';
import { benchPlan, failureOf, refuse, startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

const confirmed = { confirm: 'wazuh', requestedBy: 'test', reason: 'test' };

/** Activity call of a plan step: `start:app` → `start app`. */
const callOf = (step: string): string => step.replace(':', ' ');
const acting = (calls: readonly string[]): string[] =>
  calls.filter((call) => /^(stage|stop|swap|start|undo|commit) /.test(call));

describe('restore', () => {
  test('`{}` changes nothing: the run ends with its plan', async () => {
    const result = (await (await bench.start('restore', {})).result()) as RestoreResult;
    expect(result.state).toBe('planned');
    expect(result.plan.steps.length).toBeGreaterThan(10);
    expect(acting(bench.calls)).toEqual([]);
  });

  test('D3.11: a confirmed restore runs every step of the plan in its order, commits and starts a full backup', async () => {
    const handle = await bench.start('restore', confirmed);
    const result = (await handle.result()) as RestoreResult;
    expect(result.state).toBe('committed');
    const at = (call: string): number => bench.calls.indexOf(call);
    for (const step of benchPlan([]).steps) {
      expect(at(callOf(step.id))).toBeGreaterThanOrEqual(0);
      for (const before of step.after) expect(at(callOf(before))).toBeLessThan(at(callOf(step.id)));
    }
    expect(result.safetyCopies).toEqual(expect.arrayContaining(['/old/postgres', '/old/redis', '/old/vectors']));
    expect(result.backupWorkflowId).toMatch(/^fullBackup\/wazuh\//);
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
    expect(bench.calls).toContain('seal postgres+redis+vectors without ');
    expect(bench.reports.find(({ type }) => type === 'restore')?.report.state).toBe('committed');
  });

  test('what could not be brought back is told in the evidence, and the restore commits', async () => {
    const handle = await bench.start('restore', { ...confirmed, components: ['vectors'] });
    const result = (await handle.result()) as RestoreResult;
    expect(result.state).toBe('committed');
    expect(bench.reports.find(({ type }) => type === 'restore')?.report.notes).toEqual([
      expect.stringMatching(/^[\d:]{8} vectors: attributes of vectors could not be given back$/),
    ]);
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('each step run twice gives the same result', async () => {
    bench.behave = (call, attempt) => {
      if (attempt === 1) throw new Error(`first attempt of ${call} died`);
    };
    const result = (await (
      await bench.start('restore', { ...confirmed, components: ['redis'] })
    ).result()) as RestoreResult;
    expect(result.state).toBe('committed');
    for (const { id } of benchPlan(['redis']).steps)
      expect(bench.calls.filter((call) => call === callOf(id))).toHaveLength(2);
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test.each(
    benchPlan(['redis'])
      .steps.filter(({ kind }) => kind !== 'commit')
      .map(({ id }) => id),
  )(
    'D3.5: a failure of `%s` undoes everything that was done, in reverse, keeps the first error and restarts what ran',
    async (step) => {
      bench.behave = (call) => {
        if (call === callOf(step)) refuse('EngineFailed', `the engine broke in ${call}`);
      };
      // An undo repeats `start` and `stop`: only the step itself is made to fail.
      let failed = false;
      const inner = bench.behave;
      bench.behave = (call, attempt) => {
        if (failed) return undefined;
        failed = call === callOf(step);
        return inner(call, attempt);
      };
      const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
      expect(await failureOf(handle)).toMatchObject({
        type: 'EngineFailed',
        message: `the engine broke in ${callOf(step)}`,
      });
      const calls = acting(bench.calls);
      expect(calls).not.toContain('commit redis');
      const swapped = calls.includes('swap redis');
      const staged = calls.includes('stage redis');
      expect(calls.includes('undo redis')).toBe(staged);
      for (const service of ['app', 'redis']) {
        // What was stopped is started at the end, and after the old data is back.
        const stopped = calls.indexOf(`stop ${service}`);
        if (stopped < 0) continue;
        expect(calls.lastIndexOf(`start ${service}`)).toBeGreaterThan(stopped);
        if (swapped) expect(calls.lastIndexOf(`start ${service}`)).toBeGreaterThan(calls.indexOf('undo redis'));
        expect(calls.lastIndexOf(`start ${service}`)).toBeGreaterThan(calls.lastIndexOf(`stop ${service}`));
      }
      expect(bench.reports.at(-1)?.report).toMatchObject({ state: 'aborted', undone: staged ? 'full' : 'none' });
      await expect.poll(() => bench.messages.at(-1)).toContain('the engine broke');
    },
  );

  test('a failure of a commit stops neither the other ones nor the restore: it is committed, told, and backed up', async () => {
    bench.behave = (call) => {
      if (call === 'commit redis') refuse('PermissionDenied', 'redis: EACCES');
    };
    const handle = await bench.start('restore', { ...confirmed, components: ['redis', 'vectors'] });
    const result = (await handle.result()) as RestoreResult;
    expect(result).toMatchObject({ state: 'committed', safetyCopies: ['/old/vectors'] });
    expect(bench.calls.filter((call) => call.startsWith('undo'))).toEqual([]);
    const report = bench.reports.find(({ type }) => type === 'restore')?.report;
    expect(report).toMatchObject({ state: 'committed', safetyCopies: ['/old/vectors'] });
    expect(report?.notes).toContainEqual(expect.stringMatching(/redis: its old data could not be .*EACCES$/));
    await expect
      .poll(() => bench.messages)
      .toContainEqual(expect.stringMatching(/^Restore of wazuh from \S+ committed after .*EACCES/));
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('a failed health check keeps the new data where that was asked for', async () => {
    bench.behave = (call) => {
      if (call === 'health') refuse('ServiceFailed', 'app is unhealthy');
    };
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'], keepNew: true });
    const result = (await handle.result()) as RestoreResult;
    expect(result.state).toBe('committed');
    expect(result.steps).toContainEqual(
      expect.objectContaining({ id: 'health', state: 'failed', note: 'app is unhealthy' }),
    );
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('a probe that fails after the swap puts the old data back', async () => {
    bench.probes = (component) => [{ component, name: 'rows', expected: '10', actual: '9', ok: false }];
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
    expect(await failureOf(handle)).toMatchObject({
      type: 'ValidationFailed',
      message: expect.stringContaining('redis/rows: expected 10, actual 9') as string,
    });
    expect(bench.calls).toContain('undo redis');
  });

  test('a probe that fails after the swap keeps the new data where that was asked for', async () => {
    bench.probes = (component) => [{ component, name: 'rows', expected: '10', actual: '9', ok: false }];
    const result = (await (
      await bench.start('restore', { ...confirmed, components: ['redis'], keepNew: true })
    ).result()) as RestoreResult;
    expect(result.probes.every(({ ok }) => !ok)).toBe(true);
    expect(bench.calls).not.toContain('undo redis');
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('F2: what was not compared is no failure, and a restore of which nothing was compared says so', async () => {
    bench.probes = (component) => [
      { component, name: 'rows', expected: '10', actual: 'not compared: hidden', ok: false, notCompared: true },
      ...(component === 'redis'
        ? [{ component, name: 'keys', expected: '1', actual: '1', ok: true, content: true as const }]
        : []),
    ];
    const handle = await bench.start('restore', { ...confirmed, components: ['redis', 'vectors'] });
    const result = (await handle.result()) as RestoreResult;
    expect(result.unproven).toEqual(['vectors']);
    const notes = Object.fromEntries(result.steps.map(({ id, note }) => [id, note]));
    expect([notes['probe:redis'], notes['probe:vectors']]).toEqual([
      '1 probe holds, 1 not compared',
      '0 probes hold, 1 not compared',
    ]);
    await expect
      .poll(() => bench.messages.join())
      .toContain('vectors is UNPROVEN: nothing of its content could be compared');
    expect(bench.reports.find(({ type }) => type === 'restore')).toMatchObject({ report: { unproven: ['vectors'] } });
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('a failing undo stops no other undo and is named beside the first error', async () => {
    let swapFailed = false;
    bench.behave = (call) => {
      if (call === 'health') {
        swapFailed = true;
        refuse('ServiceFailed', 'the app is sick');
      }
      if (swapFailed && call === 'undo redis') refuse('SwapIncomplete', 'the journal is stuck');
    };
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
    expect(await failureOf(handle)).toMatchObject({ type: 'ServiceFailed' });
    const report = bench.reports.at(-1)?.report;
    expect(report).toMatchObject({ state: 'aborted', undone: 'partial' });
    expect(report?.notUndone).toEqual(expect.arrayContaining([expect.stringContaining('the journal is stuck')]));
    expect(bench.calls.lastIndexOf('start app')).toBeGreaterThan(bench.calls.indexOf('undo redis'));
  });

  test('services that did not run before are not started by the undo', async () => {
    bench.wasRunning = false;
    bench.behave = (call) => {
      if (call === 'swap redis') refuse('EngineFailed');
    };
    await failureOf(await bench.start('restore', { ...confirmed, components: ['redis'] }));
    expect(bench.calls.filter((call) => call.startsWith('start '))).toEqual([]);
  });

  test('abort by a person stops what runs, undoes it and ends as Aborted with the reason', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => void (release = resolve));
    bench.behave = (call) => (call === 'stage redis' ? gate : undefined);
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
    await expect.poll(() => bench.calls).toContain('stage redis');
    await handle.executeUpdate(abortUpdate, { args: [{ by: 'ann', reason: 'wrong point' }] });
    expect(await failureOf(handle)).toMatchObject({
      type: 'Aborted',
      message: expect.stringContaining('ann: wrong point') as string,
    });
    expect(bench.calls).toContain('undo redis');
    release();
  });

  test.each([
    ['abort', async (handle: WorkflowHandle) => handle.executeUpdate(abortUpdate, { args: [{ by: 'ann' }] }), 'ann'],
    ['cancel', async (handle: WorkflowHandle) => handle.cancel(), 'the run was cancelled'],
  ])('an %s during the last step undoes everything, also where that step heeds nobody', async (_what, end, why) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.deaf = (call) => call === 'health';
    bench.behave = (call) => (call === 'health' ? promise : undefined);
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
    await expect.poll(() => bench.calls).toContain('health');
    await end(handle);
    resolve();
    expect(await failureOf(handle)).toMatchObject({
      type: 'Aborted',
      message: expect.stringContaining(`aborted, everything undone: ${why}`) as string,
    });
    expect(bench.calls).toContain('undo redis');
    expect(bench.calls).not.toContain('commit redis');
  });

  test('cancelled again and again while it undoes, it undoes everything all the same', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.behave = (call) => {
      if (call === 'swap redis') refuse('EngineFailed', 'the disk is gone');
      return call === 'undo redis' ? promise : undefined;
    };
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
    await expect.poll(() => bench.calls).toContain('undo redis');
    for (let again = 0; again < 3; again += 1) await handle.cancel();
    await handle.executeUpdate(abortUpdate, { args: [{ by: 'ann', reason: 'once more' }] });
    resolve();
    expect(await failureOf(handle)).toMatchObject({ message: 'the disk is gone' });
    expect(bench.reports.at(-1)?.report).toMatchObject({ state: 'aborted', undone: 'full' });
    // The swap, both stops, and the staging.
    expect(acting(bench.calls).slice(-4)).toEqual(['undo redis', 'start redis', 'start app', 'undo redis']);
  });

  test('cancelled behind the pivot, it ends committed, with its evidence and its backup', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.behave = (call) => (call === 'commit redis' ? promise : undefined);
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
    await expect.poll(() => bench.calls).toContain('commit redis');
    await handle.cancel();
    await expect(handle.executeUpdate(abortUpdate, { args: [{ by: 'ann' }] })).rejects.toThrow();
    resolve();
    const { state, backupWorkflowId } = (await handle.result()) as RestoreResult;
    expect(state).toBe('committed');
    await bench.client.workflow.getHandle(backupWorkflowId).result();
    expect(bench.reports.find(({ type }) => type === 'restore')?.report.state).toBe('committed');
  });

  test('a pause during the last step holds back the commit, and an abort is still possible', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.behave = (call) => (call === 'health' ? promise : undefined);
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
    await expect.poll(() => bench.calls).toContain('health');
    await handle.executeUpdate(pauseUpdate, { args: [{ by: 'ann', reason: 'wait' }] });
    resolve();
    await expect
      .poll(async () => (await handle.query(progressQuery)).steps.find(({ id }) => id === 'health')?.state)
      .toBe('done');
    await handle.executeUpdate(abortUpdate, { args: [{ by: 'ann', reason: 'not what we want' }] });
    expect(await failureOf(handle)).toMatchObject({ type: 'Aborted' });
    expect(bench.calls).toContain('undo redis');
    expect(bench.calls).not.toContain('commit redis');
  });

  test('a pause lets running steps end and begins no further one; resume goes on', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => void (release = resolve));
    bench.behave = (call) => (call === 'stage redis' ? gate : undefined);
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
    await expect.poll(() => bench.calls).toContain('stage redis');
    await handle.executeUpdate(pauseUpdate, { args: [{ by: 'ann', reason: 'wait' }] });
    release();
    await expect
      .poll(async () => (await handle.query(progressQuery)).steps.find(({ id }) => id === 'stage:redis')?.state)
      .toBe('done');
    const view = await handle.query(progressQuery);
    expect(view).toMatchObject({ paused: true, waitingOn: 'resume' });
    expect(bench.calls).not.toContain('validate redis');
    await handle.executeUpdate(resumeUpdate, { args: [{ by: 'ann' }] });
    const result = (await handle.result()) as RestoreResult;
    expect(result.state).toBe('committed');
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('a running backup is cancelled; another restore is not: the later one ends with LockHeld and the holder', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => void (release = resolve));
    bench.behave = (call) => (call === 'capture postgres' || call === 'stage redis' ? gate : undefined);
    const backup = await bench.start('fullBackup', {}, 'fullBackup/wazuh/to-be-cancelled');
    await expect.poll(() => bench.calls).toContain('capture postgres');
    const first = await bench.start('restore', { ...confirmed, components: ['redis'] }, 'restore/wazuh/first');
    await expect.poll(() => bench.calls).toContain('stage redis');
    expect((await failureOf(backup)).message).toMatch(/cancel/i);
    const second = await bench.start('restore', { ...confirmed, components: ['redis'] }, 'restore/wazuh/second');
    expect(await failureOf(second)).toMatchObject({
      type: 'LockHeld',
      message: expect.stringContaining('restore/wazuh/first') as string,
    });
    release();
    const result = (await first.result()) as RestoreResult;
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('what a run is decides whether a restore cancels it, whatever id a person gave it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.behave = (call) => (call === 'capture postgres' || call === 'stage redis' ? promise : undefined);
    const backup = await bench.start('fullBackup', {}, 'restore/wazuh/looks-like-one');
    await expect.poll(() => bench.calls).toContain('capture postgres');
    const first = await bench.start('restore', { ...confirmed, components: ['redis'] }, 'bring-back-redis');
    await expect.poll(() => bench.calls).toContain('stage redis');
    expect((await failureOf(backup)).message).toMatch(/cancel/i);
    const second = await bench.start('restore', { ...confirmed, components: ['redis'] }, 'bring-it-back-again');
    expect(await failureOf(second)).toMatchObject({
      type: 'LockHeld',
      message: 'the appliance is held by bring-back-redis; nothing was changed',
    });
    const open = async (name: string): Promise<string[]> =>
      (await openRuns(bench.client, { name } as Appliance)).map(({ workflowId }) => workflowId);
    await expect.poll(async () => open('wazuh')).toEqual(['bring-back-redis']);
    expect(await open('other')).toEqual([]);
    resolve();
    const result = (await first.result()) as RestoreResult;
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('a lock that somebody terminated takes nothing from a committed restore: evidence, message and backup follow', async () => {
    bench.behave = async (call) => {
      if (call === 'health') await bench.client.workflow.getHandle('lock/wazuh').terminate('by somebody');
    };
    const handle = await bench.start('restore', { ...confirmed, components: ['redis'] });
    const result = (await handle.result()) as RestoreResult;
    expect(result.state).toBe('committed');
    expect(bench.reports.find(({ type }) => type === 'restore')).toMatchObject({
      report: {
        state: 'committed',
        notes: [expect.stringContaining('the lock was gone before it was released') as string],
      },
    });
    await expect.poll(() => bench.messages).toContainEqual(expect.stringContaining(' committed after '));
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('D1.2: the RTO clock marks 50, 80 and 100 % and never ends the restore', async () => {
    bench.behave = () => undefined;
    const handle = await bench.start('restore', {
      ...confirmed,
      components: ['redis'],
      disasterAt: new Date(Date.now() - 4 * 3600_000).toISOString(),
    });
    const result = (await handle.result()) as RestoreResult;
    expect(result).toMatchObject({ state: 'committed', rtoBreached: true });
    await expect.poll(() => bench.messages.filter((text) => text.includes('RTO')).length).toBe(3);
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('a restore step costs at most 7 history events besides workflow tasks', async () => {
    const handle = await bench.start('restore', confirmed);
    const result = (await handle.result()) as RestoreResult;
    const { events } = await handle.fetchHistory();
    // Answers that come at the same moment share a workflow task; how many do, the machine decides.
    const own = events?.filter(
      (event) =>
        event.workflowTaskScheduledEventAttributes == null &&
        event.workflowTaskStartedEventAttributes == null &&
        event.workflowTaskCompletedEventAttributes == null,
    );
    expect(own?.length).toBeGreaterThan(0);
    expect(own!.length / result.plan.steps.length).toBeLessThanOrEqual(7);
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });
});

describe('undo of a committed restore', () => {
  const undo = { ...confirmed, undo: true };

  test('puts back what each component keeps, stages nothing, and starts a full backup', async () => {
    const result = (await (await bench.start('restore', undo)).result()) as RestoreResult;
    expect(result).toMatchObject({ state: 'committed', id: 'data before 2026-11-22T02:00:00Z' });
    const steps = result.plan.steps.map(({ id }) => id);
    expect(steps).toEqual(expect.arrayContaining(['put-back:postgres', 'put-back:redis', 'health']));
    expect(steps).not.toContain('put-back:vectors');
    const at = (call: string): number => bench.calls.indexOf(call);
    for (const step of result.plan.steps) {
      expect(at(callOf(step.id)), step.id).toBeGreaterThanOrEqual(0);
      for (const before of step.after) expect(at(callOf(before)), step.id).toBeLessThan(at(callOf(step.id)));
    }
    expect(bench.calls.filter((call) => /^(stage|validate|swap|probe|commit|verify|resolve)\b/.test(call))).toEqual([]);
    expect(result.safetyCopies).toEqual(expect.arrayContaining(['/new/postgres', '/new/redis']));
    await bench.client.workflow.getHandle(result.backupWorkflowId).result();
  });

  test('old data that does not come up goes aside again, and the restored data is live as before', async () => {
    bench.behave = (call) => {
      if (call === 'health') refuse('ServiceFailed', 'app answers 500');
    };
    const handle = await bench.start('restore', undo);
    expect((await failureOf(handle)).type).toBe('ServiceFailed');
    const { state } = await handle.query(progressQuery);
    expect(state).toEqual({ status: 'aborted', undone: 'full' });
    for (const id of ['postgres', 'redis'])
      expect(bench.calls.indexOf(`take-back ${id}`)).toBeGreaterThan(bench.calls.indexOf(`put-back ${id}`));
    expect(bench.calls.at(bench.calls.lastIndexOf('start app'))).toBe('start app');
  });

  test('`{undo: true}` without the name changes nothing', async () => {
    const result = (await (await bench.start('restore', { undo: true })).result()) as RestoreResult;
    expect(result.state).toBe('planned');
    expect(acting(bench.calls)).toEqual([]);
  });
});
