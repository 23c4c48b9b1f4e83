/**
 * A connection to an SSH server and its SFTP calls as promises. Connects at the first call, and again after it was cut;
 * what was under way then fails as StorageFailed. The server's key must be the configured one.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { Client, type FileEntryWithStats, type OpenMode, type SFTPWrapper, type Stats } from 'ssh2';
import { LifeboatError } from '../../domain/errors.ts';

export interface SshSettings {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  /** Private key in OpenSSH's or PEM format. */
  readonly keyFile: string;
  readonly passphrase: (() => Promise<string | undefined>) | undefined;
  /** `SHA256:…`, or the key as a line of known_hosts has it: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** Absolute folder on the server. */
  readonly path: string;
}

/** Status codes of SFTP version 3. */
export const status = { noSuchFile: 2, permissionDenied: 3, failure: 4 } as const;

const readyMs = 20_000;
/** A server that went away without a word is noticed after three of them. */
const keepaliveMs = 5_000;
const silentTicks = 3;
/** A pack of 17 MiB is read in less on any disk. */
const askMs = 60_000;
const asksAtOnce = 4;
/** OpenSSH takes twice that in one request, and the library cuts it for others; several are under way at once. */
const requestBytes = 128 * 1024;
const requestsAtOnce = 32;

/** What is under way keeps the process alive, an idle connection does not. */
interface Connection {
  readonly client: Client;
  readonly sftp: SFTPWrapper;
  /** Counts a call; the function that it gives ends the counting. */
  readonly begin: () => () => void;
  /** What is asked of a closed one is never answered. */
  readonly isClosed: () => boolean;
}

export class SshSession {
  readonly #settings: SshSettings;
  #opened: Promise<Connection> | undefined;
  readonly #asking = new Set<Promise<undefined>>();
  /** The server's, of the newest connection. */
  #hostKey: Buffer | undefined;

  constructor(settings: SshSettings) {
    this.#settings = settings;
  }

  async connection(): Promise<Connection> {
    if (this.#opened !== undefined) return this.#opened;
    const opening = this.#connect(() => {
      if (this.#opened === opening) this.#opened = undefined;
    });
    this.#opened = opening;
    opening.catch(() => {
      if (this.#opened === opening) this.#opened = undefined;
    });
    return opening;
  }

  /**
   * What a command of the server's shell wrote, up to a line; undefined where it could not be run just now, or takes too
   * long to say. A few at once: a server has a limit (10 by default) and refuses what is more.
   */
  async ask(command: string): Promise<string | undefined> {
    while (this.#asking.size >= asksAtOnce) await Promise.race(this.#asking);
    const asking = this.#ask(command);
    const own = asking.then(
      () => undefined,
      () => undefined,
    );
    this.#asking.add(own);
    try {
      return await asking;
    } finally {
      this.#asking.delete(own);
    }
  }

  async #ask(command: string): Promise<string | undefined> {
    const { client, begin, isClosed } = await this.connection();
    if (isClosed()) return undefined;
    const end = begin();
    const over = Promise.withResolvers<string | undefined>();
    const giveUp = (): void => over.resolve(undefined);
    const tooLong = setTimeout(giveUp, askMs);
    client.once('close', giveUp);
    try {
      client.exec(command, (error, channel) => {
        if (error !== undefined) return giveUp();
        let text = '';
        channel.on('data', (chunk: Buffer) => (text = `${text}${chunk.toString('latin1')}`.slice(0, 1000)));
        channel.stderr.resume();
        channel.on('close', () => over.resolve(text));
        // A server that starts its SFTP part whatever is asked ends with its input.
        channel.end();
      });
      return await over.promise;
    } finally {
      clearTimeout(tooLong);
      client.off('close', giveUp);
      end();
    }
  }

  /** The key that the server has shown, and that is the configured one: `ssh-ed25519 AAAA…`. */
  async hostKey(): Promise<string> {
    await this.connection();
    const key = this.#hostKey ?? Buffer.alloc(4);
    // It begins with the length of its kind's name.
    const kind = key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
    return `${kind} ${key.toString('base64')}`;
  }

  async #connect(onClosed: () => void): Promise<Connection> {
    const { hostname, port, user, keyFile, passphrase, hostKey } = this.#settings;
    const privateKey = await readFile(keyFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new LifeboatError(
        'AuthFailed',
        `the private key ${keyFile} cannot be read: ${error.code ?? error.message}`,
      );
    });
    const secret = await passphrase?.();
    const client = new Client();
    return new Promise((resolve, reject) => {
      let seen = '';
      client
        .on('ready', () => {
          // Each call is a small packet that somebody waits for.
          client.setNoDelay(true);
          client.sftp((error, sftp) => {
            if (error !== undefined) return reject(this.#failure(error));
            // One for each call that is under way.
            sftp.setMaxListeners(0);
            resolve(connectionOf(client, sftp));
          });
        })
        .on('error', (error) => {
          onClosed();
          reject(seen === '' || isKnown(seen, hostKey) ? this.#failure(error) : this.#stranger(seen));
        })
        .on('close', () => {
          onClosed();
          reject(this.#failure(new Error('the connection was closed')));
        })
        .connect({
          host: hostname,
          port,
          username: user,
          privateKey,
          ...(secret === undefined ? {} : { passphrase: secret }),
          readyTimeout: readyMs,
          hostVerifier: (key: Buffer) => {
            seen = fingerprintOf(key);
            this.#hostKey = key;
            return isKnown(seen, hostKey);
          },
        });
    });
  }

  #failure(error: Error & { level?: string }): LifeboatError {
    const { hostname, port, user } = this.#settings;
    const where = `${user}@${hostname}:${port}`;
    if (error.level === 'client-authentication')
      return new LifeboatError('AuthFailed', `${where} refused the key ${this.#settings.keyFile}`, {
        hint: 'put its public half into authorized_keys of that user',
        cause: error,
      });
    return new LifeboatError('StorageFailed', `${where}: ${error.message}`, { cause: error });
  }

  #stranger(seen: string): LifeboatError {
    const { hostname, port } = this.#settings;
    return new LifeboatError('AuthFailed', `${hostname}:${port} shows the host key ${seen}, which is not \`hostKey\``, {
      hint: 'another server answers, or its key was changed: ask its keeper, then write the new one',
    });
  }
}

/** ssh2's own keepalive would hold an idle process for ever; this one looks only while somebody waits. */
function connectionOf(client: Client, sftp: SFTPWrapper): Connection {
  const { _sock: socket } = client as unknown as { readonly _sock: Socket };
  let pending = 0;
  let isClosed = false;
  let silent = 0;
  let read = socket.bytesRead;
  socket.unref();
  const watching = setInterval(() => {
    const hasCome = socket.bytesRead !== read;
    read = socket.bytesRead;
    silent = pending === 0 || hasCome ? 0 : silent + 1;
    if (silent === silentTicks) client.destroy();
    // An answer that would come shows that the server is there, however long the calls take.
    else if (silent > 0) sftp.realpath('.', () => undefined);
  }, keepaliveMs).unref();
  client.setMaxListeners(0);
  client.once('close', () => {
    isClosed = true;
    clearInterval(watching);
  });
  return {
    client,
    sftp,
    isClosed: () => isClosed,
    begin() {
      pending += 1;
      if (pending === 1) socket.ref();
      return () => {
        pending -= 1;
        if (pending === 0) socket.unref();
      };
    },
  };
}

function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function isKnown(fingerprint: string, hostKey: string): boolean {
  if (hostKey.startsWith('SHA256:')) return hostKey.replace(/=+$/, '') === fingerprint;
  const encoded = hostKey
    .trim()
    .split(/\s+/)
    .find((word) => word.startsWith('AAAA'));
  return encoded !== undefined && fingerprintOf(Buffer.from(encoded, 'base64')) === fingerprint;
}

type Call<T> = (sftp: SFTPWrapper, done: (error: Error | null | undefined, value?: T) => void) => void;

/** The calls of one connection. Errors are the server's own, with `code`. */
export class Sftp {
  readonly #session: SshSession;

  constructor(session: SshSession) {
    this.#session = session;
  }

  stat = async (path: string): Promise<Stats> => this.#call((sftp, done) => sftp.stat(path, done));
  readdir = async (path: string): Promise<FileEntryWithStats[]> => this.#call((sftp, done) => sftp.readdir(path, done));
  mkdir = async (path: string): Promise<void> => this.#call((sftp, done) => sftp.mkdir(path, { mode: 0o700 }, done));
  rmdir = async (path: string): Promise<void> => this.#call((sftp, done) => sftp.rmdir(path, done));
  unlink = async (path: string): Promise<void> => this.#call((sftp, done) => sftp.unlink(path, done));
  /** Fails where the target is there: the plain one of the protocol. */
  rename = async (from: string, to: string): Promise<void> => this.#call((sftp, done) => sftp.rename(from, to, done));
  /** Puts the target away: for copies that nothing relies on. */
  replace = async (from: string, to: string): Promise<void> =>
    this.#call((sftp, done) => sftp.ext_openssh_rename(from, to, done));
  open = async (path: string, mode: OpenMode): Promise<Buffer> =>
    this.#call((sftp, done) => sftp.open(path, mode, { mode: 0o600 }, done));
  close = async (handle: Buffer): Promise<void> => this.#call((sftp, done) => sftp.close(handle, done));
  fstat = async (handle: Buffer): Promise<Stats> => this.#call((sftp, done) => sftp.fstat(handle, done));
  fsync = async (handle: Buffer): Promise<void> => this.#call((sftp, done) => sftp.ext_openssh_fsync(handle, done));
  statvfs = async (path: string): Promise<{ f_frsize: number; f_bavail: number; f_blocks: number }> =>
    this.#call((sftp, done) => sftp.ext_openssh_statvfs(path, done));

  async write(handle: Buffer, bytes: Uint8Array, position: number): Promise<void> {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    await inPieces(buffer.length, async (offset, length) =>
      this.#call<void>((sftp, done) => sftp.write(handle, buffer, offset, length, position + offset, done)),
    );
  }

  /** Fills the buffer, or gives how many bytes there were. */
  async read(handle: Buffer, into: Buffer, position: number): Promise<number> {
    let done = 0;
    await inPieces(into.length, async (offset, length) => {
      for (let got = 0; got < length;) {
        const read = await this.#call<number>((sftp, callback) =>
          sftp.read(handle, into, offset + got, length - got, position + offset + got, (error, bytesRead) =>
            // The end of the file is an error with code 1.
            (error as { code?: number } | undefined)?.code === 1 ? callback(undefined, 0) : callback(error, bytesRead),
          ),
        );
        if (read === 0) break;
        got += read;
        done += read;
      }
    });
    return done;
  }

  async #call<T>(run: Call<T>): Promise<T> {
    const { sftp, begin, isClosed } = await this.#session.connection();
    if (isClosed()) throw new Error('the connection was closed');
    const end = begin();
    return new Promise<T>((resolve, reject) => {
      const cut = (): void => reject(new Error('the connection was closed'));
      sftp.once('close', cut);
      run(sftp, (error, value) => {
        sftp.off('close', cut);
        if (error === null || error === undefined) resolve(value as T);
        else reject(error);
      });
    }).finally(end);
  }
}

async function inPieces(length: number, act: (offset: number, length: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next; at < length; at = next) {
      next = at + requestBytes;
      await act(at, Math.min(requestBytes, length - at));
    }
  };
  const count = Math.min(requestsAtOnce, Math.ceil(length / requestBytes));
  await Promise.all(Array.from({ length: count }, work));
}

export function codeOf(error: unknown): number | undefined {
  const code: unknown = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' ? code : undefined;
}
