import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { withClient } from '../../../src/client/temporal/connection.ts';
import { serverAddress } from '../../../src/client/temporal/server-address.ts';
import { parseConfiguration } from '../../../src/config/load.ts';
import type { Appliance } from '../../../src/domain/appliance.ts';
import { freePort } from '../../../src/dev/free-ports.ts';
import type { RunningTemporal } from '../../../src/dev/temporal.ts';
import { makeSignedCertificate } from '../../support/certificate.ts';
import { startTemporal } from '../../support/engines.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A real server behind a proxy that speaks TLS and asks for a client certificate, as a cluster's ingress does. */
let temporal: RunningTemporal;
let proxy: Server;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: { ca: string; cert: string; key: string };
let own: { ca: string; cert: string; key: string };

beforeAll(async () => {
  temporal = await startTemporal();
  folder = await temporaryFolder('tls');
  server = await makeSignedCertificate(folder.path, 'temporal.test');
  own = await makeSignedCertificate(folder.path, 'worker.test');
  const [host = '', port = ''] = temporal.address.split(':');
  proxy = createServer(
    {
      cert: await readFile(server.cert),
      key: await readFile(server.key),
      ca: await readFile(own.ca),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
    },
    (socket: TLSSocket) => {
      const behind = connectTcp(Number(port), host);
      const end = (): void => {
        socket.destroy();
        behind.destroy();
      };
      socket.on('error', end).on('close', end).pipe(behind).on('error', end).on('close', end).pipe(socket);
    },
  );
  proxy.on('tlsClientError', () => undefined);
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
});
afterAll(async () => {
  proxy?.close();
  await temporal?.stop();
  await folder?.remove();
});

function applianceWith(tls: object | undefined): Appliance {
  const { port } = proxy.address() as AddressInfo;
  const lines = { address: `127.0.0.1:${port}`, ...(tls === undefined ? {} : { tls }) };
  return parseConfiguration(
    `appliance: shop
repository: {path: /b, encryption: none}
temporal: ${JSON.stringify(lines)}
components: {c: {kind: files, paths: [/etc/x]}}
`,
    'f',
  ).appliance;
}

const greet = async (appliance: Appliance) =>
  withClient(appliance, async (client) => client.workflowService.getSystemInfo({}));

test('temporal.tls: a server with a certificate of its own, which asks for ours, is reached by client and worker', async () => {
  const tls = { ca: server.ca, cert: own.cert, key: own.key, serverName: 'temporal.test' };
  const appliance = applianceWith(tls);
  expect((await greet(appliance)).serverVersion).toMatch(/^\d/);
  const native = await NativeConnection.connect(await serverAddress(appliance));
  await native.close();
});

test('temporal.tls: in clear, without our certificate, or for another name it is not', async () => {
  const refused = [
    undefined,
    { ca: server.ca, serverName: 'temporal.test' },
    { ca: server.ca, cert: own.cert, key: own.key, serverName: 'another.test' },
  ];
  await Promise.all(
    refused.map(async (tls) => expect(greet(applianceWith(tls))).rejects.toMatchObject({ code: 'Unreachable' })),
  );
});

test('a server of this host is reached whatever proxy the environment names, and missed at once', async () => {
  vi.stubEnv('http_proxy', 'http://127.0.0.1:9');
  const at = (address: string): Appliance => {
    const appliance = applianceWith(undefined);
    return { ...appliance, temporal: { ...appliance.temporal, address } };
  };
  try {
    expect((await greet(at(temporal.address))).serverVersion).toMatch(/^\d/);
    await expect(greet(at(`127.0.0.1:${await freePort()}`))).rejects.toMatchObject({
      code: 'Unreachable',
      // Not what gRPC says when its time is over.
      cause: expect.objectContaining({ message: 'connection refused' }) as Error,
    });
  } finally {
    vi.unstubAllEnvs();
  }
});

test('a file that cannot be read is named', async () => {
  await expect(greet(applianceWith({ ca: '/nowhere' }))).rejects.toMatchObject({
    code: 'ConfigInvalid',
    message: expect.stringContaining('`temporal.tls.ca` (/nowhere): ENOENT') as string,
  });
});

test('temporal.apiKey: is sent over TLS, read from where it is kept', async () => {
  const { appliance } = parseConfiguration(
    `appliance: shop
repository: {path: /b, encryption: none}
temporal: {address: 'x:7233', apiKey: a-key}
components: {c: {kind: files, paths: [/etc/x]}}
`,
    'f',
  );
  expect(await serverAddress(appliance)).toEqual({ address: 'x:7233', tls: true, apiKey: 'a-key' });
});
