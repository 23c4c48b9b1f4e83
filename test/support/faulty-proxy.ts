/** An HTTP proxy on loopback before a server; a test makes one of its answers a failure. */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';

export interface FaultyProxy {
  readonly endpoint: string;
  /** Requests so far. */
  readonly count: () => number;
  /** What happens to the request with this number (from 1): it passes where undefined. */
  fault: (number: number) => 'slow down' | 'cut request' | 'cut answer' | undefined;
  /** What is done before a request passes. */
  before: (request: IncomingMessage) => Promise<void>;
  stop(): Promise<void>;
}

const slowDown =
  '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>';

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  let seen = 0;
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    seen += 1;
    const fault = proxy.fault(seen);
    if (fault === 'slow down') {
      incoming.resume();
      outgoing.writeHead(503, { 'content-type': 'application/xml' }).end(slowDown);
    } else void proxy.before(incoming).then(() => pass(incoming, outgoing, { hostname, port, fault }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => seen,
    fault: () => undefined,
    before: async () => undefined,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

interface Way {
  readonly hostname: string;
  readonly port: string;
  readonly fault: ReturnType<FaultyProxy['fault']>;
}

/** The signature covers the host's name: it stays the one that the client wrote. */
function pass(incoming: IncomingMessage, outgoing: ServerResponse, { hostname, port, fault }: Way): void {
  const onward = request(
    { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (fault === 'cut answer') cutSomewhere(answer, outgoing, () => outgoing.destroy());
      else answer.pipe(outgoing);
    },
  );
  onward.on('error', () => outgoing.destroy());
  if (fault === 'cut request')
    cutSomewhere(incoming, onward, () => {
      onward.destroy();
      incoming.socket.destroy();
    });
  else incoming.pipe(onward);
}

/** At any byte; what comes before it has passed. */
function cutSomewhere(from: IncomingMessage, to: Writable, cut: () => void): void {
  let left = Math.floor(Math.random() * (Number(from.headers['content-length'] ?? 0) + 1));
  from.on('data', (chunk: Buffer) => {
    to.write(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) cut();
  });
  from.once('end', cut);
}
