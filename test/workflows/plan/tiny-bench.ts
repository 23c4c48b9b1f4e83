/** A worker that knows nothing but the tiny plan. */
import { fileURLToPath } from 'node:url';
import { randomUUID } from 'node:crypto';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { startTemporal } from '../../support/engines.ts';
import type { TinyPlan, TinyResult } from './tiny-workflow.ts';

export interface TinyBench {
  readonly client: Client;
  /** Begins one run for all of them. */
  start(plans: readonly TinyPlan[]): Promise<WorkflowHandle>;
  run(plans: readonly TinyPlan[]): Promise<readonly TinyResult[]>;
  stop(): Promise<void>;
}

export async function startTinyBench(): Promise<TinyBench> {
  const logger = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} };
  Runtime.install({ logger });
  const { address, namespace } = await startTemporal();
  const workflowsPath = fileURLToPath(new URL('tiny-workflow.ts', import.meta.url));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
  const native = await NativeConnection.connect({ address });
  const connection = await Connection.connect({ address });
  const taskQueue = 'tiny';
  const worker = await Worker.create({ connection: native, namespace, taskQueue, workflowBundle });
  const running = worker.run();
  const client = new Client({ connection, namespace });
  const start = async (plans: readonly TinyPlan[]): Promise<WorkflowHandle> =>
    client.workflow.start('tinyPlans', { workflowId: `tiny/${randomUUID()}`, taskQueue, args: [plans] });
  return {
    client,
    start,
    run: async (plans) => (await (await start(plans)).result()) as readonly TinyResult[],
    async stop() {
      worker.shutdown();
      await running;
      await connection.close();
      await native.close();
    },
  };
}
