/** TLS towards an engine, as the configuration wants it. The server's certificate is always checked. */
import { readFile } from 'node:fs/promises';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import type { TlsConfig } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';

/** Reads the files that `tls` names. ConfigInvalid for one that cannot be read. */
export async function readTls(
  tls: TlsConfig | undefined,
  { id: component, hostname }: { readonly id: string; readonly hostname: string },
): Promise<ConnectionOptions | undefined> {
  if (tls === undefined) return undefined;
  const [ca, cert, key] = await Promise.all(
    (['ca', 'cert', 'key'] as const).map(async (name) => readPem(name, tls[name], component)),
  );
  const certified = tls.serverName ?? hostname;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    // Clients disagree about what they compare the certificate with when the host is an address.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(certified, certificate),
  };
}

async function readPem(name: string, path: string | undefined, component: string): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LifeboatError('ConfigInvalid', `cannot read \`tls.${name}\` (${path}): ${code}`, {
      component,
      hint: 'the worker needs to read it: check path and permissions',
      cause: error,
    });
  }
}

/** Reasons for which a certificate is refused, of OpenSSL and of Node. */
const refusals =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|ERR_TLS_CERT_ALTNAME_INVALID$|HOSTNAME_MISMATCH$)/;

/** What to do about a certificate that was refused; undefined for any other error. */
export function refusedCertificateHint(error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string' || !refusals.test(code)) return undefined;
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID'
    ? 'name the host that the certificate is made for in `tls.serverName`'
    : 'name the certificate authority of the server in `tls.ca`';
}
