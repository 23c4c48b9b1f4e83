/**
 * Sends files of this machine through rsync and OpenSSH: theirs is native code that uses other cores than ours. Whether
 * they are on both ends is found out by trying; what they cannot do, SFTP does, or says why it cannot be done.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SshSettings } from './session.ts';

/** AES in hardware before the default, which is reckoned in software; every OpenSSH since 2014 knows one of them. */
const ciphers = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes256-ctr'];

export interface RsyncOptions {
  readonly settings: SshSettings;
  /** The key that the server has shown and that is the configured one, as `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** Paths on this machine. */
  readonly files: readonly string[];
  /** Absolute path of a folder on the server, which is there. The files keep their last names in it. */
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
}

/** False where it did not work, for whatever reason; then some of the files may be there. Throws only for `signal`. */
export async function sendByRsync(options: RsyncOptions): Promise<boolean> {
  const { settings, hostKey, files, folder, signal } = options;
  // Nobody is there who could be asked for it.
  if (settings.passphrase !== undefined) return false;
  const work = await mkdtemp(join(tmpdir(), 'lifeboat-rsync-'));
  try {
    const known = join(work, 'known_hosts');
    const { hostname, port, user } = settings;
    await writeFile(known, `${port === 22 ? hostname : `[${hostname}]:${port}`} ${hostKey}\n`);
    const target = `${user}@${hostname.includes(':') ? `[${hostname}]` : hostname}:${folder}/`;
    const how = ['--whole-file', '--perms', '--chmod=F600', '--protect-args', '--timeout=60'];
    await promisify(execFile)('rsync', [...how, '--rsh', shellOf(settings, known), ...files, target], { signal });
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Our settings alone: not those of the user whom the worker runs as. */
function shellOf({ port, keyFile }: SshSettings, known: string): string {
  const options = {
    UserKnownHostsFile: known,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    BatchMode: 'yes',
    Compression: 'no',
    ConnectTimeout: '20',
    // A server that fell silent is given up as the SFTP connection does.
    ServerAliveInterval: '5',
    ServerAliveCountMax: '3',
    Ciphers: ciphers.join(','),
  };
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return ['ssh', '-F', '/dev/null', '-p', String(port), '-i', keyFile, ...words].map(quoted).join(' ');
}

/** As rsync reads it: a quote within quotes is written twice. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`;
}
