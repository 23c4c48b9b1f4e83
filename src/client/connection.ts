/** The only way by which the command line and the worker reach Temporal. */
import { Client, Connection } from '@temporalio/client';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';

const connectMs = 5000;

/** Unreachable if the server does not answer within 5 s. */
export async function connect({ temporal }: Appliance): Promise<Connection> {
  try {
    return await Connection.connect({ address: temporal.address, connectTimeout: connectMs });
  } catch (error) {
    throw new LifeboatError('Unreachable', `Temporal does not answer at ${temporal.address}`, {
      hint: 'start it (`temporal server start-dev`), or mend temporal.address in lifeboat.yaml; `lifeboat backups list` and `verify` work without it',
      cause: error,
    });
  }
}

export async function withClient<T>(appliance: Appliance, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await connect(appliance);
  try {
    return await use(new Client({ connection, namespace: appliance.temporal.namespace }));
  } finally {
    await connection.close();
  }
}

export function runUrl({ temporal }: Appliance, workflowId: string, runId = ''): string {
  const path = `/namespaces/${encodeURIComponent(temporal.namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return `${temporal.uiUrl}${path}${runId === '' ? '' : `/${runId}/history`}`;
}
