/** The only way by which the command line and the worker reach Temporal. */
import { Client, isGrpcServiceError, type Connection } from '@temporalio/client';
import type { Appliance } from '../../domain/appliance.ts';
import { causes } from '../../domain/causes.ts';
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import { openConnection } from '../calls.ts';
import { channelTo, isRefused } from '../reach.ts';
import { runningPrivateServer } from './private-server.ts';
import { readablePayloads } from './readable-payloads.ts';
import { serverAddress } from './server-address.ts';

const connectMs = 10_000;

/**
 * Unreachable if the server does not answer within 10 s; at once where nobody listens on this host, unless `isPatient`: a worker
 * may be started beside its server.
 */
export async function connect(
  appliance: Appliance,
  { isPatient = false }: { readonly isPatient?: boolean } = {},
): Promise<Connection> {
  const server = await serverAddress(appliance);
  if (!isPatient && (await isRefused(server.address))) throw unreachable(appliance, new Error('connection refused'));
  try {
    return await openConnection({ ...server, ...channelTo(server.address), connectTimeout: connectMs });
  } catch (error) {
    const reason = explained(error, appliance);
    throw isLifeboatError(reason) ? reason : unreachable(appliance, error);
  }
}

/** Whether the configured server answers. */
export async function answers(appliance: Appliance): Promise<boolean> {
  try {
    await (await connect(appliance)).close();
    return true;
  } catch (error) {
    if (isLifeboatError(error, 'Unreachable')) return false;
    throw error;
  }
}

/** Failures of the connection come out as Unreachable, whatever was asked. */
export async function withClient<T>(appliance: Appliance, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await connect(appliance);
  try {
    return await use(
      new Client({ connection, namespace: appliance.temporal.namespace, dataConverter: readablePayloads }),
    );
  } catch (error) {
    throw explained(error, appliance);
  } finally {
    await connection.close();
  }
}

/** gRPC: what a server that is gone, or going, answers. */
const deadlineExceeded = 4;
const notFound = 5;
const permissionDenied = 7;
const unavailable = 14;
const unauthenticated = 16;

/** A failure of the connection, or a namespace that is not there, in our words; anything else as it came. */
export function explained(error: unknown, appliance: Appliance): unknown {
  const { temporal } = appliance;
  const status = grpcStatus(error);
  if (status === undefined) return error;
  if (status.code === unavailable || status.code === deadlineExceeded) return unreachable(appliance, error);
  if (status.code === permissionDenied || status.code === unauthenticated)
    return new LifeboatError('AuthFailed', `Temporal at ${temporal.address} refused us: ${status.details}`, {
      hint: causes.refusedByTemporal.hint,
      cause: error,
    });
  if (status.code === notFound && /namespace/i.test(status.details)) {
    return new LifeboatError(
      'Unreachable',
      `Temporal at ${temporal.address} has no namespace \`${temporal.namespace}\``,
      {
        hint: `correct temporal.namespace in lifeboat.yaml, or create it: temporal operator namespace create -n ${temporal.namespace}`,
        cause: error,
      },
    );
  }
  return error;
}

/** True for a failure of the connection itself: asking again later may help. */
export function isUnreachable(error: unknown): boolean {
  const code = grpcStatus(error)?.code;
  return code === unavailable || code === deadlineExceeded;
}

/** The client wraps what the server answered, sometimes twice. */
function grpcStatus(error: unknown): { readonly code: number; readonly details: string } | undefined {
  for (let current = error; current instanceof Error && !isLifeboatError(current); current = current.cause) {
    if (isGrpcServiceError(current)) return current;
  }
  return undefined;
}

export function unreachable(appliance: Appliance, cause: unknown): LifeboatError {
  const { temporal } = appliance;
  const own = runningPrivateServer(appliance);
  if (own !== undefined)
    return new LifeboatError('Unreachable', `Temporal does not answer at ${temporal.address}`, {
      hint: `a private server runs at ${own}, with a run that is not over: give \`lifeboat --standalone …\` to reach it`,
      cause,
    });
  return new LifeboatError('Unreachable', `Temporal does not answer at ${temporal.address}`, {
    hint: 'start it, correct temporal.address in lifeboat.yaml, or let a run bring a server of its own, as `lifeboat --standalone restore start` does; `lifeboat backups list`, `verify` and `restore plan` need none',
    cause,
  });
}

export function runUrl({ temporal }: Appliance, workflowId: string, runId = ''): string {
  const path = `/namespaces/${encodeURIComponent(temporal.namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return `${temporal.uiUrl}${path}${runId === '' ? '' : `/${runId}/history`}`;
}
