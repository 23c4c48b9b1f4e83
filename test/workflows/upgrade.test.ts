/** An upgrade in the middle of a run: what the workflows began as they were frozen, today's end. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { workflowBundle } from '../../workers/bundle.ts';
import { abortUpdate, decideUpdate, pauseUpdate, progressQuery, resumeUpdate } from '../../workflows/messages.ts';
import { gateAt } from '../histories/scenarios.ts';
import { frozenBundle } from '../histories/stored.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { failureOf, startWorkflowBench, type WorkflowBench } from '../support/workflow-bench.ts';

let folder: TemporaryFolder;
let bench: WorkflowBench;
let frozen: string;
let today: string;

beforeAll(async () => {
  folder = await temporaryFolder('upgrade');
  frozen = join(folder.path, 'frozen.js');
  await writeFile(frozen, gunzipSync(await readFile(frozenBundle)));
  today = await workflowBundle(process.env['LIFEBOAT_BUNDLES'] ?? folder.path);
  bench = await startWorkflowBench();
});
afterAll(async () => {
  await bench.stop();
  await folder.remove();
});
beforeEach(async () => {
  bench.reset();
  await bench.runWith(frozen);
});

const confirmed = { confirm: 'wazuh', components: ['redis'] };

/** Begins a run with the frozen workflows, and holds it in a call while they are replaced. */
async function cutAt(call: string, type: string, input: object): Promise<WorkflowHandle> {
  const gate = gateAt(bench, call);
  const handle = await bench.start(type, input);
  await gate.reached();
  await bench.runWith(today);
  gate.open();
  return handle;
}

describe('a run that is under way goes on', () => {
  test.each([
    ['resolve', 'restore', confirmed, 'committed'],
    ['stage redis', 'restore', confirmed, 'committed'],
    ['swap redis', 'restore', confirmed, 'committed'],
    ['commit redis', 'restore', confirmed, 'committed'],
    ['put-back redis', 'restore', { ...confirmed, undo: true }, 'committed'],
    ['capture postgres', 'fullBackup', {}, 'sealed'],
    ['seal postgres+redis+vectors without ', 'fullBackup', {}, 'sealed'],
  ])('cut at %s of %s', async (call, type, input, state) => {
    const handle = await cutAt(call, type, input);
    expect(await handle.result()).toMatchObject({ state });
  });

  test('a restore test', async () => {
    const handle = await cutAt('validate redis', 'proveBackup', { components: ['redis'] });
    expect(await handle.result()).toMatchObject({ ok: true });
  });

  test('a restore that waits for a word on its plan', async () => {
    const handle = await bench.start('restore', { components: ['redis'], waitForApproval: true });
    const questions = async () => (await handle.query(progressQuery)).questions;
    await expect.poll(questions).toHaveLength(1);
    await bench.runWith(today);
    const [question] = await questions();
    const { id = '', attempt = 0, planHash = '' } = question ?? {};
    const answer = { question: id, attempt: String(attempt), planHash, choice: 'approve', by: 'ann', reason: '' };
    await handle.executeUpdate(decideUpdate, { args: [answer] });
    expect(await handle.result()).toMatchObject({ state: 'committed' });
  });

  test('a restore that was paused', async () => {
    const gate = gateAt(bench, 'stage redis');
    const handle = await bench.start('restore', confirmed);
    await gate.reached();
    await handle.executeUpdate(pauseUpdate, { args: [{ by: 'ann' }] });
    gate.open();
    await bench.runWith(today);
    await handle.executeUpdate(resumeUpdate, { args: [{ by: 'ann' }] });
    expect(await handle.result()).toMatchObject({ state: 'committed' });
  });

  test('an abort undoes what both began, the last step first', async () => {
    const gate = gateAt(bench, 'start app');
    const handle = await bench.start('restore', { confirm: 'wazuh' });
    await gate.reached();
    await bench.runWith(today);
    await handle.executeUpdate(abortUpdate, { args: [{ by: 'ann', reason: 'wrong point' }] });
    gate.open();
    expect(await failureOf(handle)).toMatchObject({ type: 'Aborted', message: /everything undone/ });
    expect(bench.calls.filter((call) => call.startsWith('undo '))).not.toEqual([]);
  });
});
