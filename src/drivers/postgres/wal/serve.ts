/**
 * Hands WAL files to a recovering server. Its restore_command is a script that asks through files in a folder:
 *
 *   wanted/<name>  the script asks          have/<name>   here it is (the script moves it away)
 *   lacks/<name>   the archive has none     failed        nothing can be said: the script exits 126
 *
 * Exit code 1 ends a recovery as if all were replayed, so it is given only where the archive definitely lacks the file;
 * anything else ends the server itself. Whoever dies in between leaves the script waiting, and then exiting 126.
 */
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { segmentOf, walFileName } from '../../../domain/lsn.ts';
import type { Owner } from '../../../platform/target.ts';
import type { WalSource } from './source.ts';

const pollMs = 5;
/** Segments that are fetched before the server asks for them. */
const ahead = 3;

const script = `#!/bin/sh
# Asked by a private server of Lifeboat for one file of the archive.
dir=\${0%/*}; file=$1; target=$2
case $file in ''|*/*|.*) exit 126 ;; esac
tries=0
while [ "$tries" -lt 60000 ]; do
  if [ -f "$dir/have/$file" ]; then mv -f "$dir/have/$file" "$target" || exit 126; exit 0; fi
  if [ -f "$dir/lacks/$file" ]; then rm -f "$dir/lacks/$file"; exit 1; fi
  if [ -f "$dir/failed" ]; then exit 126; fi
  if [ "$tries" -eq 0 ]; then : > "$dir/wanted/$file" || exit 126; fi
  tries=$((tries + 1))
  sleep 0.01 || exit 126
done
exit 126
`;

export interface WalServer {
  /** For `restore_command`. */
  readonly command: string;
  /** Why a file could not be given; undefined where all could. */
  readonly failure: () => unknown;
  stop(): Promise<void>;
}

export interface ServeOptions {
  /** An existing folder that only the server's user may enter. */
  readonly folder: string;
  /** To whom files are given; undefined where that is this process's user. */
  readonly owner: Owner | undefined;
  readonly source: WalSource;
  /** `wal_segment_size`, bytes. */
  readonly segmentBytes: number;
}

export async function serveWal(options: ServeOptions): Promise<WalServer> {
  const folder = join(options.folder, 'wal');
  await rm(folder, { recursive: true, force: true });
  for (const path of [folder, ...['wanted', 'have', 'lacks'].map((name) => join(folder, name))])
    await give(path, options.owner, () => mkdir(path, { mode: 0o700 }));
  const file = join(folder, 'fetch');
  await give(file, options.owner, () => writeFile(file, script, { mode: 0o700 }));
  await chmod(file, 0o700);
  const serving = new Serving(folder, options);
  const running = serving.run();
  return {
    command: `"${file}" "%f" "%p"`,
    failure: () => serving.failure,
    stop: async () => {
      serving.stop();
      await running;
    },
  };
}

interface Prefetch {
  /** False where the archive lacks it. */
  readonly fetching: Promise<boolean>;
  isDone: boolean;
}

class Serving {
  readonly #folder: string;
  readonly #options: ServeOptions;
  /** Lie in `have`, or are on their way there, without having been asked for. */
  readonly #prefetched = new Map<string, Prefetch>();
  #isStopped = false;
  failure: unknown;

  constructor(folder: string, options: ServeOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        for (const name of await readdir(join(this.#folder, 'wanted'))) await this.#answer(name);
        await this.#followUp();
      } catch (error) {
        await this.#fail(error);
      }
      await delay(pollMs);
    }
    await Promise.allSettled([...this.#prefetched.values()].map(async ({ fetching }) => fetching));
  }

  async #answer(name: string): Promise<void> {
    await rm(join(this.#folder, 'wanted', name), { force: true });
    const prefetched = await this.#prefetched.get(name)?.fetching;
    this.#prefetched.delete(name);
    // A server may take a segment and ask for it once more: then it is not there any longer.
    const isThere = (prefetched === true && this.#isIn('have', name)) || (await this.#fetch(name));
    if (!isThere) await this.#put('lacks', name, Buffer.alloc(0));
    this.#prefetchAfter(name);
  }

  /** What the server took without asking moves the window on. */
  async #followUp(): Promise<void> {
    if (this.#prefetched.size === 0) return;
    const there = new Set(await readdir(join(this.#folder, 'have')));
    for (const [name, { isDone }] of this.#prefetched) {
      if (!isDone || there.has(name)) continue;
      this.#prefetched.delete(name);
      this.#prefetchAfter(name);
    }
  }

  #prefetchAfter(name: string): void {
    const { segmentBytes } = this.#options;
    const start = segmentOf(name, segmentBytes);
    if (start === undefined) return;
    const timeline = Number.parseInt(name.slice(0, 8), 16);
    for (let next = 1; next <= ahead && this.#prefetched.size < ahead; next += 1) {
      const following = walFileName(timeline, start + BigInt(next * segmentBytes), segmentBytes);
      if (this.#prefetched.has(following)) continue;
      const prefetch: Prefetch = { fetching: this.#fetch(following), isDone: false };
      prefetch.fetching.then(
        () => (prefetch.isDone = true),
        // Told where the server asks for it: a recovery may end before.
        () => undefined,
      );
      this.#prefetched.set(following, prefetch);
    }
  }

  #isIn(where: string, name: string): boolean {
    return existsSync(join(this.#folder, where, name));
  }

  /** False where the archive lacks it. */
  async #fetch(name: string): Promise<boolean> {
    const bytes = await this.#options.source(name);
    if (bytes === undefined) this.#prefetched.delete(name);
    else await this.#put('have', name, bytes);
    return bytes !== undefined;
  }

  async #put(where: string, name: string, bytes: Buffer): Promise<void> {
    const path = join(this.#folder, where, name);
    const fresh = join(this.#folder, `${where}-${name}`);
    await give(fresh, this.#options.owner, () => writeFile(fresh, bytes, { mode: 0o600 }));
    await rename(fresh, path);
  }

  async #fail(error: unknown): Promise<void> {
    this.failure ??= error;
    await writeFile(join(this.#folder, 'failed'), '').catch(() => undefined);
  }
}

async function give(path: string, owner: Owner | undefined, make: () => Promise<unknown>): Promise<void> {
  await make();
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}
