/** Walks every scenario on the workflow bench and stores its history. See README.md. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { workflowBundle } from '../../workers/bundle.ts';
import { startWorkflowBench, type WorkflowBench } from '../support/workflow-bench.ts';
import { scenarios, type Run, type Scenario } from './scenarios.ts';
import { extension, frozenBundle, historiesFolder } from './stored.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

/** Once, when names and order of commands are frozen: what lies there is not made anew. */
test('the frozen bundle', async () => {
  const code = await readFile(await workflowBundle(process.env['LIFEBOAT_BUNDLES'] ?? tmpdir()), 'utf8');
  // The worker wants a map of sources; an empty one will do, and is small.
  const map = Buffer.from(JSON.stringify({ version: 3, sources: [], names: [], mappings: '' })).toString('base64');
  const withoutMap = code.replace(/(?<=\/\/# sourceMappingURL=data:[^,]*base64,).*$/, map);
  await writeFile(frozenBundle, gzipSync(withoutMap, { level: 9 }), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
});

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
