import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resultOf } from '../../src/client/runs.ts';
import { newRunId } from '../../src/client/start-run.ts';
import { cliScript } from '../../src/dev/demo/worker-process.ts';
import { sealBackup } from '../../src/operations/backup/seal.ts';
import { wireParts, type Parts } from '../../workers/parts.ts';
import type { BackupResult, VerifyBackupResult } from '../../workflows/messages.ts';
import { doctored } from '../support/doctored.ts';
import { startLeanStage, type LeanStage } from '../support/lean-stage.ts';

let stage: LeanStage;
let parts: Parts;
let webhook: Server;
const messages: string[] = [];
beforeAll(async () => {
  webhook = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      messages.push((JSON.parse(body) as { text: string }).text);
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(webhook, 'listening');
  stage = await startLeanStage(
    1e6,
    `notify: { webhook: 'http://127.0.0.1:${(webhook.address() as AddressInfo).port}/' }\n`,
  );
  await writeFile(join(stage.data, 'docker-compose.yml'), 'services: { app: { image: app, env_file: small.conf } }\n');
  parts = wireParts(stage.appliance);
  await stage.startWorker();
});
afterAll(async () => {
  await parts.close();
  await stage.stop();
  webhook.close();
});

async function start(type: 'fullBackup' | 'verifyBackup', input: object): Promise<WorkflowHandle> {
  return stage.client.workflow.start(type, {
    workflowId: newRunId(type, stage.appliance, new Date()),
    taskQueue: stage.appliance.temporal.taskQueue,
    args: [input],
  });
}

test('D2.7: verifyBackup proves a good point with L1 and L3, and fails on one whose structure is wrong, named and told', async () => {
  const { id: backupId } = await resultOf<BackupResult>(await start('fullBackup', {}));
  const verified = await start('verifyBackup', {});
  expect(await resultOf<VerifyBackupResult>(verified)).toMatchObject({
    id: backupId,
    ok: true,
    problems: [],
    levels: ['L1', 'L2', 'L3'],
  });
  const repository = await parts.repository();
  expect(await repository.listProofs(backupId)).toMatchObject([
    { kind: 'verify', ok: true, levels: ['L1', 'L2', 'L3'] },
  ]);
  expect(await repository.getReport('verifyBackup', verified.workflowId)).toMatchObject({
    state: 'verified',
    backup: backupId,
  });

  const { components } = (await repository.findManifest(backupId)).lifeboat;
  const lost = { [`${stage.data.slice(1)}/small.conf`]: 'absent' } as const;
  const receipts = await Promise.all(components.map(async (record) => doctored(repository, record, lost)));
  const damagedId = await repository.reserve(new Date(), 'a capture that lost a file');
  const startedAt = new Date().toISOString();
  await sealBackup({
    repository,
    appliance: stage.appliance,
    backupId: damagedId,
    type: 'full',
    startedAt,
    receipts,
    failures: [],
    workflow: null,
  });

  const failing = await start('verifyBackup', { at: damagedId });
  await expect(resultOf(failing)).rejects.toMatchObject({
    code: 'ObjectCorrupt',
    message: expect.stringMatching(
      /data: file `.*docker-compose\.yml`: services\.app\.env_file: .*small\.conf` is not/,
    ) as string,
  });
  const report = await repository.getReport('verifyBackup', failing.workflowId);
  expect(report).toMatchObject({
    state: 'failed',
    backup: damagedId,
    levels: ['L1', 'L2', 'L3'],
    text: expect.stringContaining('small.conf') as string,
  });
  await expect
    .poll(() => messages)
    .toContainEqual(
      expect.stringMatching(new RegExp(`^Backup validation failed for ${damagedId}: data: .*small\\.conf`)),
    );

  const { stdout } = await promisify(execFile)(process.execPath, [
    cliScript,
    '-c',
    stage.configFile,
    'backups',
    'list',
  ]);
  const row = (id: string): string => stdout.split('\n').find((line) => line.startsWith(id)) ?? '';
  expect(row(backupId)).toMatch(/ L1\+L2\+L3 \S.* ago$/);
  expect(row(damagedId)).toMatch(/ FAILED \S.* ago$/);
});
