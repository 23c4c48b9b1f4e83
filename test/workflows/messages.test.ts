/** What people may send to a run in the Temporal UI: anything, also while a restore swaps. */
import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { messageNames } from '../../workflows/message-names.ts';
import { progressQuery, type RestoreResult } from '../../workflows/messages.ts';
import { encodedPayload, unreadablePayloads } from '../support/encoded-payload.ts';
import { failureOf, startWorkflowBench, type WorkflowBench } from '../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

/** A restore of Redis that is in the middle of its swap until it is let go. */
async function swapping(): Promise<{ readonly handle: WorkflowHandle; readonly letGo: () => void }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.behave = (call) => (call === 'swap redis' ? promise : undefined);
  const handle = await bench.start('restore', { confirm: 'wazuh', components: ['redis'] });
  await expect.poll(() => bench.calls).toContain('swap redis');
  return { handle, letGo: resolve };
}

async function failedTasks(handle: WorkflowHandle): Promise<(string | null | undefined)[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? [])
    .flatMap(({ workflowTaskFailedEventAttributes: failed }) => (failed ? [failed.failure?.message] : []))
    .filter((message) => message !== 'UnhandledCommand');
}

const { abort, pause, resume } = messageNames;

describe('during a swap', () => {
  test.each([
    ['without a payload', []],
    ['with `null`', [null]],
  ])('`pause`, `resume` and `abort` %s are taken', async (_what, args) => {
    const { handle, letGo } = await swapping();
    await handle.executeUpdate(pause, { args: args as [unknown] });
    expect(await handle.query(progressQuery)).toMatchObject({ paused: true });
    await handle.executeUpdate(resume, { args: args as [unknown] });
    expect(await handle.query(progressQuery)).toMatchObject({ paused: false });
    expect(await handle.executeUpdate(abort, { args: args as [unknown] })).toContain('is being undone');
    letGo();
    expect(await failureOf(handle)).toMatchObject({
      type: 'Aborted',
      message: expect.stringContaining('somebody: no reason given') as string,
    });
    expect(bench.calls).toContain('undo redis');
    expect(await failedTasks(handle)).toEqual([]);
  });

  test('what they do not take is refused with an example, and the restore goes on as if nothing had come', async () => {
    const { handle, letGo } = await swapping();
    const wrong = [
      [5, 'it must be an object, not the number 5'],
      ['x', 'it must be an object, not the text `x`'],
      [[], 'it must be an object, not the list `[]`'],
      ...unreadablePayloads.map(({ payload, told }) => [payload, told] as const),
      [{ by: 5 }, '`by` must be a text, not the number 5'],
      [{ resaon: 'no' }, 'unknown key `resaon` (did you mean `reason`?)'],
    ] as const;
    for (const update of [abort, pause, resume])
      for (const [sent, told] of wrong) {
        const refused: unknown = await handle.executeUpdate(update, { args: [sent] }).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(WorkflowUpdateFailedError);
        expect((refused as Error).cause).toMatchObject({
          type: 'InputInvalid',
          message: `\`${update}\` does not take this input: ${told}. Nothing was done. Example: {"by":"ann","reason":"the wrong recovery point"}`,
        });
      }
    expect(await handle.query(progressQuery)).toMatchObject({ paused: false, notes: [] });
    letGo();
    const { state, backupWorkflowId } = (await handle.result()) as RestoreResult;
    expect(state).toBe('committed');
    expect(await failedTasks(handle)).toEqual([]);
    await bench.client.workflow.getHandle(backupWorkflowId).result();
  });

  test('a lock that cannot end, here because somebody paused it, holds up neither its holder nor the next run', async () => {
    const { handle, letGo } = await swapping();
    const { namespace } = bench.client.options;
    const lock = bench.client.workflow.getHandle('lock/wazuh');
    const { workflowId } = lock;
    const { runId } = await lock.describe();
    const asked = { identity: 'ann', reason: 'a test', requestId: runId };
    await bench.client.workflowService.pauseWorkflowExecution({ namespace, workflowId, runId, ...asked });
    letGo();
    const { state, backupWorkflowId } = (await handle.result()) as RestoreResult;
    expect(state).toBe('committed');
    expect(bench.reports).toMatchObject([{ report: { notes: [expect.stringMatching(/did not end within 15 s/)] } }]);
    await bench.client.workflow.getHandle(backupWorkflowId).result();
    expect((await bench.client.workflow.getHandle(workflowId, runId).describe()).status.name).toBe('TERMINATED');
  });
});

test('a holder with a memo that no client reads is asked for like any other', async () => {
  const { taskQueue } = bench;
  const memo = { holder: encodedPayload('binary/encrypted', 'x') as unknown };
  const held = { workflowId: 'lock/wazuh', taskQueue, args: [{}], memo };
  const handle = await bench.client.workflow.start('lock', held);
  const run = await bench.start('retention', { apply: true });
  await expect.poll(async () => JSON.stringify(await run.query(progressQuery))).toContain('no JSON');
  await handle.signal(messageNames.release);
  await run.cancel();
  await failureOf(run);
});

const anything: unknown[][] = [[], [null], [5], ['x'], [[]], ...unreadablePayloads.map(({ payload }) => [payload])];
test.each(anything.map((args) => ({ args })))('`release` with $args frees a lock', async ({ args }) => {
  const handle = await bench.start('lock', { holder: 'ann', purpose: 'a test' });
  await handle.signal(messageNames.release, ...args);
  await handle.result();
  expect(await failedTasks(handle)).toEqual([]);
});
