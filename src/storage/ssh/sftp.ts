/** SFTP's calls as promises. Errors are the server's own, with `code`. */
import type { FileEntryWithStats, OpenMode, SFTPWrapper, Stats } from 'ssh2';
import type { Connection, SshSession } from './session.ts';

/** Status codes of SFTP version 3. */
export const status = { noSuchFile: 2, permissionDenied: 3, failure: 4 } as const;

/** OpenSSH takes twice that in one request, and the library cuts it for others; several are under way at once. */
const requestBytes = 128 * 1024;
const requestsAtOnce = 32;

/** A file that is open. Its handle means another one, or none, on any other connection. */
export interface OpenFile {
  readonly connection: Connection;
  readonly handle: Buffer;
}

type Call<T> = (sftp: SFTPWrapper, done: (error: Error | null | undefined, value?: T) => void) => void;

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
  close = async (file: OpenFile): Promise<void> => callOn(file, (sftp, done) => sftp.close(file.handle, done));
  fstat = async (file: OpenFile): Promise<Stats> => callOn(file, (sftp, done) => sftp.fstat(file.handle, done));
  fsync = async (file: OpenFile): Promise<void> =>
    callOn(file, (sftp, done) => sftp.ext_openssh_fsync(file.handle, done));
  statvfs = async (path: string): Promise<{ f_frsize: number; f_bavail: number; f_blocks: number }> =>
    this.#call((sftp, done) => sftp.ext_openssh_statvfs(path, done));

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    const connection = await this.#session.connection();
    const handle = await callOn<Buffer>({ connection }, (sftp, done) => sftp.open(path, mode, { mode: 0o600 }, done));
    return { connection, handle };
  }

  async write(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    await inPieces(buffer.length, async (offset, length) =>
      callOn<void>(file, (sftp, done) => sftp.write(file.handle, buffer, offset, length, position + offset, done)),
    );
  }

  /** Fills the buffer, or gives how many bytes there were. */
  async read(file: OpenFile, into: Buffer, position: number): Promise<number> {
    let done = 0;
    await inPieces(into.length, async (offset, length) => {
      for (let got = 0; got < length;) {
        const read = await callOn<number>(file, (sftp, callback) =>
          sftp.read(file.handle, into, offset + got, length - got, position + offset + got, (error, bytesRead) =>
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
    return callOn({ connection: await this.#session.connection() }, run);
  }
}

async function callOn<T>(at: { readonly connection: Connection }, run: Call<T>): Promise<T> {
  const { sftp, begin, isClosed } = at.connection;
  if (isClosed()) throw new Error('the connection was closed');
  let end = (): void => undefined;
  return new Promise<T>((resolve, reject) => {
    end = begin(() => reject(new Error('the connection was closed')));
    run(sftp, (error, value) => {
      if (error === null || error === undefined) resolve(value as T);
      else reject(error);
    });
  }).finally(() => end());
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
