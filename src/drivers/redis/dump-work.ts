/**
 * Reading of dumps in a thread of its own: millions of keys would hold up all else that the worker does, and their memory
 * goes with the thread.
 */
import type { FileHandle } from 'node:fs/promises';
import { Threads } from '../../threads/threads.ts';
import type { Comparison } from './compare-snapshots.ts';
import type { RdbSummary } from './rdb-reader.ts';
import { RdbError } from './rdb-steps.ts';

export type DumpJobs = {
  /** Reads the expected dump and keeps what it holds. */
  readonly hold: { readonly job: { readonly dump: number; readonly keys: number }; readonly result: Reply<RdbSummary> };
  /** Compares another one with it. */
  readonly compare: {
    readonly job: { readonly dump: number; readonly at: Date };
    readonly result: Reply<Comparison>;
  };
};

export type Reply<T> =
  { readonly result: T } | { readonly unreadable: { readonly kind: RdbError['kind']; readonly message: string } };

/** A dump that is being read, to be compared with another one, once. */
export interface HeldDump {
  /** RdbError. */
  readonly summary: Promise<RdbSummary>;
  /** As `ExpectedSnapshot`. */
  compare(actual: FileHandle, at: Date): Promise<Comparison>;
}

/**
 * Begins to read the dump, and holds what it found for as long as the work takes; `keys` are expected in it.
 * The caller closes the files, after this has ended.
 */
export async function withHeldDump<T>(
  { dump, keys, signal }: { readonly dump: FileHandle; readonly keys: number; readonly signal: AbortSignal },
  work: (held: HeldDump) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const thread = new Threads<DumpJobs>({
    program: './dump-thread',
    beside: import.meta.url,
    size: 1,
    name: 'the thread that reads a dump',
  });
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const abort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  const readable = async <R>(reply: Promise<Reply<R>>): Promise<R> => {
    const found = await Promise.race([reply, aborted.promise]);
    if ('result' in found) return found.result;
    throw new RdbError(found.unreadable.kind, found.unreadable.message);
  };
  try {
    const summary = readable(thread.run('hold', { dump: dump.fd, keys }));
    summary.catch(() => undefined);
    return await work({
      summary,
      compare: async (actual, at) => {
        await summary;
        return readable(thread.run('compare', { dump: actual.fd, at }));
      },
    });
  } finally {
    signal.removeEventListener('abort', abort);
    // Gone before the caller closes the files.
    await thread.close();
  }
}
