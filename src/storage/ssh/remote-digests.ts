/** SHA-256 of files by the server's own programs, where the account has a shell: their bytes need not come back. */
import type { SshSession } from './session.ts';

export class RemoteDigests {
  readonly #session: SshSession;
  /** Whether the server has a shell with the program; undefined before it was asked. */
  #areThere: boolean | undefined;

  constructor(session: SshSession) {
    this.#session = session;
  }

  /**
   * Hex; undefined where the server does not tell. `openssl` uses what the processor has for it, six times as fast as
   * `sha256sum`.
   */
  async of(path: string): Promise<string | undefined> {
    if (this.#areThere === false) return undefined;
    const quoted = `'${path.replaceAll("'", `'\\''`)}'`;
    const answer = await this.#session.ask(`openssl dgst -sha256 -r ${quoted} 2>/dev/null || sha256sum -- ${quoted}`);
    if (answer === undefined) return undefined;
    const digest = /^\\?([0-9a-f]{64}) /.exec(answer)?.[1];
    this.#areThere ??= digest !== undefined;
    return digest;
  }
}
