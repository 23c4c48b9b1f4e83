/**
 * Reading of dumps in a thread of its own: millions of keys would hold up all else that the worker does, and their memory
 * goes with the thread.
 */
import type { FileHandle } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { LifeboatError } from '../../domain/errors.ts';
import type { Comparison, SnapshotsToCompare } from './compare-snapshots.ts';
import type { RdbSummary } from './rdb-reader.ts';
import { RdbError } from './rdb-steps.ts';

export type DumpWork =
  | { readonly kind: 'read'; readonly dump: number }
  | { readonly kind: 'compare'; readonly snapshots: SnapshotsToCompare };

export type DumpReply =
  | { readonly kind: 'done'; readonly result: RdbSummary | Comparison }
  | { readonly kind: 'unreadable'; readonly what: RdbError['kind']; readonly message: string };

/** What the dump holds. RdbError; the caller closes the file, after this has ended. */
export async function readInThread(dump: FileHandle, signal: AbortSignal): Promise<RdbSummary> {
  return (await inThread({ kind: 'read', dump: dump.fd }, signal)) as RdbSummary;
}

/** As `compareSnapshots`. */
export async function compareInThread(
  {
    expected,
    actual,
    ...more
  }: Omit<SnapshotsToCompare, 'expected' | 'actual'> & { readonly expected: FileHandle; readonly actual: FileHandle },
  signal: AbortSignal,
): Promise<Comparison> {
  const snapshots = { ...more, expected: expected.fd, actual: actual.fd };
  return (await inThread({ kind: 'compare', snapshots }, signal)) as Comparison;
}

async function inThread(work: DumpWork, signal: AbortSignal): Promise<RdbSummary | Comparison> {
  signal.throwIfAborted();
  const file = import.meta.url.endsWith('.ts') ? './dump-thread.ts' : './dump-thread.js';
  const thread = new Worker(new URL(file, import.meta.url), {
    workerData: work,
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
  const { promise, resolve, reject } = Promise.withResolvers<DumpReply>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  thread.once('message', resolve);
  thread.once('error', reject);
  thread.once('exit', () => reject(new LifeboatError('Internal', 'the thread that reads a dump ended without a word')));
  try {
    const reply = await promise;
    if (reply.kind === 'unreadable') throw new RdbError(reply.what, reply.message);
    return reply.result;
  } finally {
    signal.removeEventListener('abort', abort);
    // Gone before the caller closes the files.
    await thread.terminate();
  }
}
