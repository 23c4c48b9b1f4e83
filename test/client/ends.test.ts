/** A connection ends what still waits and what is tried again before it closes: nothing of it fires afterwards. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { watchRun } from '../../src/cli/watch.ts';
import { withClient } from '../../src/client/temporal/connection.ts';
import { resultOf } from '../../src/client/runs.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import type { RunningTemporal } from '../../src/dev/temporal.ts';
import { startTemporal } from '../support/engines.ts';
import { startRelay, type Relay } from '../support/relay.ts';

let temporal: RunningTemporal;
let relay: Relay;
let appliance: Appliance;
beforeAll(async () => void (temporal = await startTemporal()));
beforeEach(async () => {
  relay = await startRelay(temporal.address);
  ({ appliance } = parseConfiguration(
    `appliance: shop
repository: {path: /b, encryption: none}
temporal: { address: '${relay.address}', namespace: ${temporal.namespace} }
components: {c: {kind: files, paths: [/etc/x]}}
`,
    'f',
  ));
});
afterEach(async () => relay?.stop());
afterAll(async () => temporal?.stop());

/** Each has a reason of its own not to end by itself. */
const unanswered: readonly (readonly [string, (client: Client) => Promise<unknown>])[] = [
  [
    'is tried again',
    async (client) => {
      relay.cut();
      return client.workflowService.getSystemInfo({});
    },
  ],
  [
    'waits for its answer',
    async (client) => {
      relay.hush();
      return client.workflowService.getSystemInfo({});
    },
  ],
  [
    'waits in the server',
    async (client) => {
      const handle = await start(client);
      return handle.result();
    },
  ],
];

async function start(client: Client) {
  return client.workflow.start('fullBackup', { taskQueue: 'nobody', workflowId: `fullBackup/shop/${Date.now()}` });
}

test.each(unanswered)('a call that %s ends with its connection, and nothing of it fires afterwards', async (_, ask) => {
  const later: unknown[] = [];
  const uncaught = (error: unknown): void => void later.push(error);
  let left: Promise<unknown> = Promise.resolve();
  // Instead of vitest's own, which would report it as a failure of no test.
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', uncaught);
  try {
    await withClient(appliance, async (client) => {
      left = ask(client);
      left.catch(() => undefined);
      // The first attempts follow one another after 170 and 290 ms.
      await delay(400);
    });
    await expect(left).rejects.toBeInstanceOf(Error);
    await delay(1000);
    expect(later).toEqual([]);
  } finally {
    process.off('uncaughtException', uncaught);
    for (const other of others) process.on('uncaughtException', other);
  }
});

test('a run that no worker ended in time fails with what to do, not as a bug', async () => {
  await withClient(appliance, async (client) => {
    const workflowId = `fullBackup/shop/${Date.now()}`;
    const handle = await client.workflow.start('fullBackup', {
      taskQueue: 'nobody',
      workflowId,
      workflowRunTimeout: '1 second',
    });
    await expect(resultOf(handle)).rejects.toMatchObject({
      code: 'Unreachable',
      message: `${workflowId} failed: no worker ended it in time`,
      hint: expect.stringContaining('log of the worker') as string,
    });
  });
});

test('a run that nobody moves is watched for as long as patience lasts: Unreachable, with its id', async () => {
  await withClient(appliance, async (client) => {
    const { workflowId } = await start(client);
    await expect(watchRun(client, appliance, workflowId, { patienceMs: 1500 })).rejects.toMatchObject({
      code: 'Unreachable',
      message: expect.stringContaining(`${workflowId} goes on once one runs`) as string,
      hint: expect.stringContaining(`then \`lifeboat restore watch ${workflowId}\``) as string,
    });
    await client.workflow.getHandle(workflowId).terminate();
  });
});
