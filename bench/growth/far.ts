/** An S3 server behind a proxy that holds each request back for a while and counts them. */
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startS3 } from '../../src/dev/s3.ts';
import type { S3Credentials, S3Settings } from '../../src/storage/s3/client.ts';
import { createS3Storage } from '../../src/storage/s3/s3-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { inLanes } from '../../src/domain/in-lanes.ts';

export interface Far {
  readonly bucket: string;
  /** Address of the proxy. */
  readonly endpoint: string;
  readonly credentials: S3Credentials;
  /** That came to the proxy so far. */
  readonly requests: () => number;
  /** Copies what lies in the storage and is not there yet, past the proxy. */
  fill(from: Storage, prefix: string): Promise<void>;
  stop(): Promise<void>;
}

const putsAtOnce = 16;
/** Keys that belong to one writer or collector: they say nothing elsewhere. */
const notCopied = /^(?:intents|leases)\//;

export async function startFar(directory: string, latencyMs: number): Promise<Far> {
  const server = await startS3({ directory });
  const { settings } = server;
  const filled = new Set<string>();
  const proxy = await startProxy(server.port, latencyMs);
  return {
    bucket: settings.bucket,
    endpoint: `http://127.0.0.1:${proxy.port}`,
    credentials: settings.credentials,
    requests: proxy.requests,
    async fill(from, prefix) {
      const direct = createS3Storage({ ...settings, prefix } satisfies S3Settings);
      const keys: string[] = [];
      for await (const { key } of from.list(''))
        if (!filled.has(`${prefix}/${key}`) && !notCopied.test(key)) keys.push(key);
      await inLanes(putsAtOnce, keys, async (key) => {
        await direct.putIfAbsent(key, await from.read(key));
        filled.add(`${prefix}/${key}`);
      });
    },
    async stop() {
      await proxy.stop();
      await server.stop();
    },
  };
}

/** Passes requests on as they are: their signatures cover the address that the client knows. */
async function startProxy(
  port: number,
  latencyMs: number,
): Promise<{ readonly port: number; readonly requests: () => number; readonly stop: () => Promise<void> }> {
  const agent = new Agent({ keepAlive: true });
  let requests = 0;
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    requests += 1;
    await delay(latencyMs);
    const { method, url, headers } = incoming;
    const behind = request({ host: '127.0.0.1', port, method, path: url, headers, agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    behind.on('error', () => outgoing.destroy());
    incoming.pipe(behind);
  };
  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests: () => requests,
    async stop() {
      server.closeAllConnections();
      server.close();
      agent.destroy();
    },
  };
}
