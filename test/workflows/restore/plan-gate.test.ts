/** A restore that asks whether its plan is to be carried out: until somebody says so it holds nothing and changes nothing. */
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newestOpenRun, openRestore, requireFree } from '../../../src/client/restores.ts';
import type { Appliance } from '../../../src/domain/appliance.ts';
import type { Question } from '../../../src/domain/plan/question.ts';
import { abortUpdate, decideUpdate, progressQuery, type RestoreResult } from '../../../workflows/messages.ts';
import { gateAt } from '../../histories/scenarios.ts';
import { failureOf, startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

const wazuh = { name: 'wazuh' } as Appliance;
const asking = { components: ['redis'], waitForApproval: true };
const confirmed = { components: ['redis'], confirm: 'wazuh' };
const acted = (): string[] => bench.calls.filter((call) => /^(stage|stop|swap|start|undo|commit) /.test(call));

/** The question that is open, once `attempt` is asked. */
async function asked(handle: WorkflowHandle, attempt = 1): Promise<Question> {
  const questions = async () => (await handle.query(progressQuery)).questions;
  await expect.poll(questions).toMatchObject([{ id: 'plan', attempt }]);
  return (await questions())[0]!;
}

async function answer(handle: WorkflowHandle, { attempt, planHash }: Question, choice = 'approve'): Promise<void> {
  const sent = { question: 'plan', attempt: String(attempt), planHash, choice, by: 'ann', reason: 'read' };
  await handle.executeUpdate(decideUpdate, { args: [sent] });
}

async function isLocked(): Promise<boolean> {
  const lock = await bench.client.workflow
    .getHandle('lock/wazuh')
    .describe()
    .catch(() => undefined);
  return lock?.status.name === 'RUNNING';
}

/** What a committed restore starts ends before the next test begins. */
async function committed(handle: WorkflowHandle): Promise<void> {
  const { state, backupWorkflowId } = (await handle.result()) as RestoreResult;
  expect(state).toBe('committed');
  await bench.client.workflow.getHandle(backupWorkflowId).result();
}

test('nobody answers for 30 min: it ends planned, without an alarm', async () => {
  const handle = await bench.start('restore', asking, undefined, bench.skipping);
  const before = await asked(handle);
  expect(Date.parse(before.deadline) - Date.now()).toBeGreaterThan(29 * 60_000);
  expect(await handle.result()).toMatchObject({ state: 'planned' });
  expect(acted()).toEqual([]);
  expect(bench.reports).toMatchObject([
    {
      report: { state: 'planned', notes: [expect.stringMatching(/plan: reject by nobody: nobody answered in time$/)] },
    },
  ]);
  expect(bench.messages).toEqual([]);
});

test('it holds no lock: a backup and another restore run from begin to end meanwhile', async () => {
  const handle = await bench.start('restore', asking);
  const question = await asked(handle);
  expect(await isLocked()).toBe(false);
  expect(await requireFree(bench.client, wazuh)).toBeUndefined();
  expect(await (await bench.start('fullBackup', {})).result()).toMatchObject({ state: 'sealed' });
  await committed(await bench.start('restore', confirmed));
  await answer(handle, question);
  await committed(handle);
});

test('an answer before the question is refused, and takes nothing from the answer that follows', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.behave = (call) => (call === 'plan' ? promise : undefined);
  const handle = await bench.start('restore', asking);
  await expect.poll(() => bench.calls).toContain('plan');
  const early: unknown = await answer(handle, { attempt: 1, planHash: 'h' } as Question).catch(
    (error: unknown) => error,
  );
  expect(String((early as Error).cause)).toContain('nothing is asked');
  resolve();
  await answer(handle, await asked(handle));
  await committed(handle);
});

test('a plan that is another one when it is approved is asked again; the answer to the old one counts no more', async () => {
  const handle = await bench.start('restore', asking);
  const first = await asked(handle);
  bench.passedOver = ['20261123_020000: suspect'];
  await answer(handle, first);
  const second = await asked(handle, 2);
  expect(second.planHash).not.toBe(first.planHash);
  expect(acted()).toEqual([]);
  await expect(answer(handle, first)).rejects.toThrow();
  await answer(handle, second);
  await committed(handle);
  expect(bench.calls.filter((call) => call === 'plan')).toHaveLength(3);
});

test('the plan is approved with its options: other ones are another plan', async () => {
  const [plain, keeping] = await Promise.all([
    bench.start('restore', asking),
    bench.start('restore', { ...asking, keepNew: true }),
  ]);
  expect((await asked(plain)).planHash).not.toBe((await asked(keeping)).planHash);
  for (const handle of [plain, keeping]) await answer(handle, await asked(handle), 'reject');
  for (const handle of [plain, keeping]) expect(await handle.result()).toMatchObject({ state: 'planned' });
});

test.each([
  [
    'an abort',
    async (handle: WorkflowHandle) => handle.executeUpdate(abortUpdate, { args: [{ by: 'ann', reason: 'no' }] }),
  ],
  ['a cancellation', async (handle: WorkflowHandle) => handle.cancel()],
])('%s ends it as aborted with nothing changed, and wakes nobody', async (_what, end) => {
  const handle = await bench.start('restore', asking);
  await asked(handle);
  await end(handle);
  expect(await failureOf(handle)).toMatchObject({
    type: 'Aborted',
    message: expect.stringContaining('aborted, nothing was changed') as string,
  });
  expect(bench.reports).toMatchObject([{ report: { state: 'aborted', undone: 'none' } }]);
  await expect.poll(() => bench.severities).toEqual(['info']);
  expect(bench.calls).not.toContain('undo redis');
});

describe('which restore is meant', () => {
  test('the one that acts, not a newer one that asks', async () => {
    const gate = gateAt(bench, 'stage redis');
    const acting = await bench.start('restore', confirmed, 'restore/wazuh/acting');
    await gate.reached();
    const other = await bench.start('restore', asking, 'restore/wazuh/asking');
    await asked(other);
    const open = async (): Promise<string> => openRestore(bench.client, wazuh);
    await expect.poll(open).toBe('restore/wazuh/acting');
    await expect.poll(async () => newestOpenRun(bench.client, wazuh)).toBe('restore/wazuh/acting');
    await expect(requireFree(bench.client, wazuh)).rejects.toThrow(/held by restore\/wazuh\/acting/);
    gate.open();
    await committed(acting);
    await expect.poll(open).toBe('restore/wazuh/asking');
    await answer(other, await asked(other), 'reject');
    await other.result();
  });

  test('of several that ask nobody guesses one', async () => {
    const ids = ['restore/wazuh/1', 'restore/wazuh/2'];
    const handles = [];
    for (const id of ids) {
      const handle = await bench.start('restore', asking, id);
      await asked(handle);
      handles.push(handle);
    }
    await expect.poll(async () => newestOpenRun(bench.client, wazuh)).toBe('restore/wazuh/2');
    await expect
      .poll(async () => openRestore(bench.client, wazuh).catch((error: unknown) => error))
      .toMatchObject({ code: 'Precondition', message: `2 restores of wazuh are open: ${ids.toReversed().join(', ')}` });
    for (const handle of handles) {
      await answer(handle, await asked(handle), 'reject');
      await handle.result();
    }
  });
});
