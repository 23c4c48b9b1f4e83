/** Address, certificates and key of the Temporal server, as both kinds of connection take them. */
import { readFile } from 'node:fs/promises';
import type { TLSConfig } from '@temporalio/client';
import type { Appliance, TlsConfig } from '../../domain/appliance.ts';
import { readSecret } from '../../config/secrets.ts';
import { LifeboatError } from '../../domain/errors.ts';

export interface ServerAddress {
  readonly address: string;
  readonly tls?: TLSConfig | true;
  readonly apiKey?: string;
}

/** Read anew for each connection: what was exchanged is used without a restart. ConfigInvalid names the file. */
export async function serverAddress({ temporal }: Appliance): Promise<ServerAddress> {
  const { address, tls, apiKey } = temporal;
  const key = await readSecret(apiKey);
  return {
    address,
    ...(tls === undefined ? {} : { tls: await tlsOf(tls) }),
    ...(tls === undefined && key !== undefined ? { tls: true as const } : {}),
    ...(key === undefined ? {} : { apiKey: key }),
  };
}

async function tlsOf({ ca, cert, key, serverName }: TlsConfig): Promise<TLSConfig> {
  return {
    ...(ca === undefined ? {} : { serverRootCACertificate: await pem('ca', ca) }),
    ...(cert === undefined || key === undefined
      ? {}
      : { clientCertPair: { crt: await pem('cert', cert), key: await pem('key', key) } }),
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
  };
}

async function pem(name: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new LifeboatError('ConfigInvalid', `\`temporal.tls.${name}\` (${path}): ${reason}`);
  }
}
