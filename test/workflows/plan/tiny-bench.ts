/** A worker that knows nothing but the tiny plan. */
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { startTemporal } from '../../support/engines.ts';

export interface TinyBench {
  readonly client: Client;
  readonly taskQueue: string;
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
  return {
    client: new Client({ connection, namespace }),
    taskQueue,
    async stop() {
      worker.shutdown();
      await running;
      await connection.close();
      await native.close();
    },
  };
}
