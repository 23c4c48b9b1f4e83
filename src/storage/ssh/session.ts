/**
 * A connection to an SSH server. Connects at the first call, and again after it was cut; what was under way then fails.
 * The server's key must be the configured one.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { Client, type SFTPWrapper } from 'ssh2';
import { LifeboatError } from '../../domain/errors.ts';
import { whyNoSftp } from './not-sftp.ts';

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

const readyMs = 20_000;
/** A server that went away without a word is noticed after three of them. */
const keepaliveMs = 5_000;
const silentTicks = 3;
/** A pack of 17 MiB is read in less on any disk. */
const askMs = 60_000;
const asksAtOnce = 4;

/** What is under way keeps the process alive, an idle connection does not. */
export interface Connection {
  readonly client: Client;
  readonly sftp: SFTPWrapper;
  /** Counts a call, until the function that it gives is called; `onCut` where the connection ends before. */
  readonly begin: (onCut: () => void) => () => void;
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
    const over = Promise.withResolvers<string | undefined>();
    const giveUp = (): void => over.resolve(undefined);
    const end = begin(giveUp);
    const tooLong = setTimeout(giveUp, askMs);
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
          const tooLong = setTimeout(() => client.destroy(), readyMs);
          client.sftp((error, sftp) => {
            clearTimeout(tooLong);
            if (error !== undefined) return void this.#withoutSftp(error, client).then(reject);
            for (const event of ['end', 'close']) sftp.once(event, onClosed);
            // It ends with it, and whoever waits is told then; without a listener the process would end.
            sftp.on('error', onClosed);
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

  async #withoutSftp(error: Error, client: Client): Promise<LifeboatError> {
    const reason = await whyNoSftp(error, client, this.#account);
    client.destroy();
    return reason ?? this.#failure(error);
  }

  get #account(): string {
    const { hostname, port, user } = this.#settings;
    return `${user}@${hostname}:${port}`;
  }

  #failure(error: Error & { level?: string }): LifeboatError {
    const { hostname, port } = this.#settings;
    const where = this.#account;
    if (error.level === 'client-authentication')
      return new LifeboatError('AuthFailed', `${where} refused the key ${this.#settings.keyFile}`, {
        hint: 'put its public half into authorized_keys of that user',
        cause: error,
      });
    return new LifeboatError('StorageFailed', `${where}: ${error.message}`, {
      hint: `tried again by itself; check that the SSH server runs, and the way to ${hostname}:${port}`,
      cause: error,
    });
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
  /** What to do for each call under way when it can no more be answered. */
  const pending = new Set<() => void>();
  let isClosed = false;
  let silent = 0;
  let read = socket.bytesRead;
  socket.unref();
  const watching = setInterval(() => {
    const hasCome = socket.bytesRead !== read;
    read = socket.bytesRead;
    silent = pending.size === 0 || hasCome ? 0 : silent + 1;
    if (silent === silentTicks) client.destroy();
    // An answer that would come shows that the server is there, however long the calls take.
    else if (silent > 0) sftp.realpath('.', () => undefined);
  }, keepaliveMs).unref();
  const close = (): void => {
    isClosed = true;
    clearInterval(watching);
    client.destroy();
    for (const cut of pending) cut();
  };
  client.once('close', close);
  // The server's SFTP part may end alone, and before the connection does; nothing is answered from its `end` on.
  for (const event of ['end', 'close']) sftp.once(event, close);
  return {
    client,
    sftp,
    isClosed: () => isClosed,
    begin(onCut) {
      // One function may be given for several calls.
      const cut = (): void => onCut();
      pending.add(cut);
      socket.ref();
      return () => {
        pending.delete(cut);
        if (pending.size === 0) socket.unref();
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
