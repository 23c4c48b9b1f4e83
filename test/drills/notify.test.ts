import { createServer, type Server } from 'node:http';
import { rename } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newRunId } from '../../src/client/start-run.ts';
import { startLeanStage, type LeanStage } from '../support/lean-stage.ts';

let stage: LeanStage;
let receiver: Server;
const received: string[] = [];
/** The receiver is sick for its first answers. */
const answers = [500, 503];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const status = answers.shift() ?? 200;
      if (status === 200) received.push(body);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  stage = await startLeanStage(1000, `notify: { webhook: 'http://127.0.0.1:${port}/services/T0/B0' }\n`);
  await stage.startWorker();
});
afterAll(async () => {
  await stage.stop();
  receiver.close();
});

test('D4.5: a failed backup is told to the webhook, again and again until it is taken, and once', async () => {
  await rename(stage.data, `${stage.data}-gone`);
  const handle = await stage.client.workflow.start('fullBackup', {
    workflowId: newRunId('fullBackup', stage.appliance, new Date()),
    taskQueue: stage.appliance.temporal.taskQueue,
    args: [{}],
  });
  await expect(handle.result()).rejects.toThrow();
  await expect.poll(() => received.length).toBe(1);
  const { text } = JSON.parse(received[0] ?? '') as { text: string };
  expect(text).toMatch(/^Backup of lean failed: SourceEmpty: /);
  expect(text).toContain(handle.workflowId);
  expect(answers).toEqual([]);
  await rename(`${stage.data}-gone`, stage.data);
});
