/** How a server on this host is reached: without a proxy, and with an answer at once where nobody listens. */
import { connect } from 'node:net';

const refusedMs = 2000;
const loopback = /^(localhost|127(\.\d+){3}|\[?::1\]?)$/;

/**
 * Options of a client's connection. A proxy of the environment (`http_proxy`) is for the world outside: to it, this host's
 * own addresses are those of the proxy's host.
 */
export function channelTo(address: string): { readonly channelArgs?: { readonly 'grpc.enable_http_proxy': 0 } } {
  return loopback.test(splitAddress(address).host) ? { channelArgs: { 'grpc.enable_http_proxy': 0 } } : {};
}

/** True where nobody listens at an address of this host: gRPC would go on trying until its time is over. */
export async function isRefused(address: string): Promise<boolean> {
  const { host, port } = splitAddress(address);
  if (!loopback.test(host)) return false;
  return new Promise((resolve) => {
    const socket = connect({ host: host.replaceAll(/[[\]]/g, ''), port });
    const end = (refused: boolean): void => {
      socket.destroy();
      resolve(refused);
    };
    // A server that is stopped takes no connection, and refuses none.
    socket.setTimeout(refusedMs, () => end(false));
    socket.once('connect', () => end(false));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED'));
  });
}

function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const [host = '', port = ''] = address.split(/:(?=\d+$)/);
  return { host, port: Number(port) };
}
