/** Walks every scenario on the workflow bench and stores its history. See README.md. */
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startWorkflowBench, type WorkflowBench } from '../support/workflow-bench.ts';
import { scenarios, type Run, type Scenario } from './scenarios.ts';
import { extension, historiesFolder } from './stored.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

test.each(scenarios)('$workflow/$path', async (scenario) => store(scenario, await scenario.walk(bench)));

async function store({ workflow, path }: Scenario, { workflowId, runId }: Run): Promise<void> {
  const history = await bench.client.workflow.getHandle(workflowId, runId).fetchHistory();
  const text = JSON.stringify(withoutOrigin(JSON.parse(historyToJSON(history))));
  for (const origin of [hostname(), process.cwd()]) expect(text).not.toContain(origin);
  await mkdir(join(historiesFolder, workflow), { recursive: true });
  await writeFile(join(historiesFolder, workflow, `${path}${extension}`), gzipSync(text, { level: 9 }));
}

/** Replaying needs neither stack traces nor the name of the machine that recorded. */
function withoutOrigin(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(`${process.pid}@${hostname()}`, 'recorder');
  if (Array.isArray(value)) return value.map(withoutOrigin);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === 'stackTrace' ? '' : withoutOrigin(inner)]),
  );
}
