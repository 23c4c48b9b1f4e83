/** A request that is said again with its key starts nothing twice. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startRun } from '../../src/client/start-run.ts';
import { hasWorker } from '../../src/client/temporal/workers.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWorkflowBench, type WorkflowBench } from '../support/workflow-bench.ts';

let bench: WorkflowBench;
let appliance: Appliance;
beforeAll(async () => {
  bench = await startWorkflowBench();
  const temporal = { address: 'bench', taskQueue: bench.taskQueue, namespace: bench.client.options.namespace };
  appliance = { name: 'wazuh', host: 'main', temporal, components: bench.components } as unknown as Appliance;
  await waitFor(async () => expect(await hasWorker(bench.client, appliance)).toBe(true));
});
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

const captures = (): number => bench.calls.filter((call) => call === 'capture redis').length;

async function start(components: string[], idempotencyKey: string | undefined, requestedBy = 'ann') {
  const input = { components, requestedBy };
  return startRun(bench.client, appliance, 'fullBackup', input, { summary: 'a test', idempotencyKey });
}

test('the same key gives the same run, while it is open and when it has ended; without a key each is a new one', async () => {
  const [first, again] = await Promise.all([start(['redis'], 'nightly-7'), start(['redis'], 'nightly-7')]);
  expect(first.workflowId).toBe('fullBackup/wazuh/nightly-7');
  expect(again.workflowId).toBe(first.workflowId);
  await first.result();
  const later = await start(['redis'], 'nightly-7', 'a program that took over');
  expect(await later.result()).toEqual(await first.result());
  expect(captures()).toBe(1);
  const others = [await start(['redis'], undefined), await start(['redis'], undefined)];
  expect(new Set([first, ...others].map(({ workflowId }) => workflowId)).size).toBe(3);
  await Promise.all(others.map(async (run) => run.result()));
});

test('what stands in the way of a new run does not stand in the way of one that is there', async () => {
  let asked = 0;
  const begin = async (): Promise<string> => {
    const input = { components: ['redis'], requestedBy: 'ann' };
    const mayStart = async (): Promise<void> => void (asked += 1);
    const options = { summary: 'a test', idempotencyKey: 'nightly-9', mayStart };
    return (await startRun(bench.client, appliance, 'fullBackup', input, options)).workflowId;
  };
  const first = await begin();
  expect(await begin()).toBe(first);
  await bench.client.workflow.getHandle(first).result();
  expect(await begin()).toBe(first);
  expect(asked).toBe(1);
});

test('a key that started something else is refused, and one that could not stand in an id', async () => {
  await (await start(['redis'], 'nightly-8')).result();
  await expect(start(['postgres'], 'nightly-8')).rejects.toMatchObject({
    code: 'Precondition',
    message: expect.stringContaining('fullBackup/wazuh/nightly-8') as string,
  });
  for (const key of ['', 'a/b', 'x'.repeat(101), 'with blank'])
    await expect(start(['redis'], key)).rejects.toMatchObject({ code: 'InputInvalid' });
  expect(captures()).toBe(1);
});
