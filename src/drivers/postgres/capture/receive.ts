/** Puts the archives of a base backup into a component's writer and keeps account of what came. */
import { LifeboatError } from '../../../domain/errors.ts';
import type { ComponentWriter, FileWriter } from '../../../repository/repository.ts';
import type { BaseBackupConsumer } from './base-backup.ts';
import { isLifeboatName } from '../../swap/names.ts';
import { TarReader } from './tar.ts';
import type { TarHeader, TarMember } from './tar.ts';

/** Files whose last blocks are still being compressed while the next ones arrive. */
const closingAtOnce = 64;

export interface Received {
  /** Size of every regular file, by its path in the component. */
  readonly files: ReadonlyMap<string, number>;
  /** The server's manifest, verbatim. */
  readonly manifest: Buffer;
  readonly bytes: number;
}

/** A consumer for `runBaseBackup`; `finish` waits for all files and gives the account. */
export class BackupReceiver implements BaseBackupConsumer {
  readonly #writer: ComponentWriter;
  readonly #component: string;
  readonly #onBytes: (bytesDone: number) => void;
  readonly #files = new Map<string, number>();
  readonly #manifest: Buffer[] = [];
  readonly #closing = new Set<Promise<void>>();
  #closeFailure: { readonly error: unknown } | undefined;
  #reader: TarReader | undefined;
  #isManifest = false;
  #prefix = '';
  /** A tablespace's archive begins below its root, which no member names. */
  #isRootDue = false;
  #bytes = 0;

  constructor(writer: ComponentWriter, component: string, onBytes: (bytesDone: number) => void) {
    this.#writer = writer;
    this.#component = component;
    this.#onBytes = onBytes;
  }

  async archive(name: string, location: string): Promise<void> {
    this.#endArchive();
    this.#prefix = location === '' ? '' : `pg_tblspc/${name.replace(/\.tar$/, '')}/`;
    this.#isRootDue = location !== '';
    this.#reader = new TarReader({ entry: (header) => this.#entry(header) });
  }

  async manifest(): Promise<void> {
    this.#endArchive();
    this.#isManifest = true;
  }

  async data(bytes: Buffer): Promise<void> {
    if (this.#isManifest) this.#manifest.push(Buffer.from(bytes));
    else await this.#reader?.write(bytes);
  }

  async finish(): Promise<Received> {
    this.#endArchive();
    await Promise.all(this.#closing);
    if (this.#closeFailure !== undefined) throw this.#closeFailure.error;
    return { files: this.#files, manifest: Buffer.concat(this.#manifest), bytes: this.#bytes };
  }

  #endArchive(): void {
    this.#reader?.end();
    this.#reader = undefined;
  }

  async #entry(header: TarHeader): Promise<TarMember | undefined> {
    const path = this.#prefix + header.name;
    // In a mount root the leftovers of a restore lie beside the live files.
    if (isLeftover(path)) return undefined;
    if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      throw new LifeboatError('EngineFailed', `the server sent a file with the path \`${path}\``, {
        component: this.#component,
      });
    }
    const meta = {
      path,
      mode: header.mode,
      mtimeNs: `${BigInt(header.mtimeSeconds) * 1_000_000_000n}`,
      uid: header.uid,
      gid: header.gid,
    };
    if (this.#isRootDue) {
      this.#isRootDue = false;
      await this.#writer.add({ ...meta, path: this.#prefix.slice(0, -1), type: 'directory', mode: 0o700 });
    }
    if (header.type === 'directory') await this.#writer.add({ ...meta, type: 'directory' });
    if (header.type === 'symlink') await this.#writer.add({ ...meta, type: 'symlink', target: header.linkTarget });
    if (header.type !== 'file') return undefined;
    this.#files.set(path, header.size);
    return this.#memberOf(await this.#writer.open({ ...meta, type: 'file' }, header.size));
  }

  #memberOf(file: FileWriter): TarMember {
    return {
      write: async (chunk) => {
        await file.write(chunk);
        this.#bytes += chunk.length;
        this.#onBytes(this.#bytes);
      },
      end: async () => {
        const closed = file.close().catch((error: unknown) => {
          this.#closeFailure ??= { error };
        });
        this.#closing.add(closed);
        void closed.finally(() => this.#closing.delete(closed));
        if (this.#closing.size >= closingAtOnce) await Promise.race(this.#closing);
        if (this.#closeFailure !== undefined) throw this.#closeFailure.error;
      },
    };
  }
}

/** Whether a path of the data directory belongs to Lifeboat, not to the server. */
export function isLeftover(path: string): boolean {
  return isLifeboatName(path.split('/', 1)[0] ?? '');
}
