/** An HTTP proxy on loopback before a server; a test makes one of its answers a failure. */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

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
    } else if (fault === 'cut request')
      incoming.once('data', () => incoming.socket.destroy()).once('end', () => incoming.socket.destroy());
    else
      void proxy
        .before(incoming)
        .then(() => pass(incoming, outgoing, { hostname, port, isCut: fault === 'cut answer' }));
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

/** The signature covers the host's name: it stays the one that the client wrote. */
function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { hostname, port, isCut }: { readonly hostname: string; readonly port: string; readonly isCut: boolean },
): void {
  const onward = request(
    { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (isCut) answer.once('data', () => outgoing.destroy()).once('end', () => outgoing.destroy());
      else answer.pipe(outgoing);
    },
  );
  onward.on('error', () => outgoing.destroy());
  incoming.pipe(onward);
}
