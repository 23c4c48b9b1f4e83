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
