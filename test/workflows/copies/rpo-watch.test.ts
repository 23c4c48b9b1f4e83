import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

test('D1.2: news is delivered first and then kept as told', async () => {
  bench.news = ['RPO BREACHED in s3 (off the host): postgres 1 h 06 m old, at most 1 h 00 m'];
  const result = await (await bench.start('rpoWatch', {})).result();
  expect(result).toMatchObject({ breached: 1 });
  expect(bench.calls).toEqual(['watch RPO', 'note RPO']);
  await expect.poll(() => bench.messages).toEqual([expect.stringContaining(`wazuh: ${bench.news[0]!}`)]);
});

test('without news nobody is bothered', async () => {
  await (await bench.start('rpoWatch', {})).result();
  expect(bench.calls).toEqual(['watch RPO', 'note RPO']);
  expect(bench.messages).toEqual([]);
});
