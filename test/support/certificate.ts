import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate that signs itself, for a server of that name; its key may only be read by its owner. PEM files. */
export async function makeCertificate(folder: string, name: string): Promise<{ cert: string; key: string }> {
  const cert = join(folder, `${name}.crt`);
  const key = join(folder, `${name}.key`);
  const subject = `-subj /CN=${name} -addext subjectAltName=DNS:${name}`;
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 ${subject}`;
  await run('openssl', [...words.split(' '), '-keyout', key, '-out', cert]);
  await chmod(key, 0o600);
  return { cert, key };
}

/** A certificate for a server of that name, signed by an authority of its own (`ca`): some clients take no other. */
export async function makeSignedCertificate(
  folder: string,
  name: string,
): Promise<{ ca: string; cert: string; key: string }> {
  const { cert: ca, key: caKey } = await makeCertificate(folder, `ca.${name}`);
  const [cert, key, request] = ['crt', 'key', 'csr'].map((end) => join(folder, `signed.${name}.${end}`)) as [
    string,
    string,
    string,
  ];
  const asked = `req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -subj /CN=${name} -addext subjectAltName=DNS:${name}`;
  await run('openssl', [...asked.split(' '), '-keyout', key, '-out', request]);
  const signed = 'x509 -req -days 2 -copy_extensions copy';
  await run('openssl', [...signed.split(' '), '-in', request, '-CA', ca, '-CAkey', caKey, '-out', cert]);
  await chmod(key, 0o600);
  return { ca, cert, key };
}
