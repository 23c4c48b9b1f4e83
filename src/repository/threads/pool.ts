/** Worker threads that seal and open frames. The main thread plans, reads and writes the storage. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { LifeboatError } from '../../domain/errors.ts';
import { packRoom } from '../pack.ts';
import type { Secrets } from '../secrets.ts';
import type { JobKind, JobOf, ResultOf } from './jobs.ts';
import { PackMemory } from './pack-memory.ts';
import { SlabPool } from './slab.ts';
import { meaningOf } from '../../domain/system-error.ts';
import { fromThreadError, type ThreadError } from './thread-error.ts';

/** A thread makes next to no objects; V8 would keep 25 MB for them. */
const youngMb = 4;
/** More threads than this wait for the storage and only cost memory. */
const maxThreads = 4;

export interface Reply {
  readonly number: number;
  readonly result?: unknown;
  readonly error?: ThreadError;
}

interface Thread {
  readonly worker: Worker;
  /** Set when it is gone: nobody would answer. */
  failure?: Error;
  readonly open: Map<number, { readonly resolve: (result: never) => void; readonly reject: (error: Error) => void }>;
}

export class ThreadPool {
  /** Shared by all writers and readers of a repository: it bounds the memory of all of them. */
  readonly slabs: SlabPool;
  readonly packMemory = new PackMemory(packRoom);
  readonly size: number;
  readonly #secrets: Secrets | undefined;
  readonly #threads: Thread[] = [];
  #nextNumber = 1;
  #isClosed = false;

  constructor(secrets: Secrets | undefined, threads = Math.min(Math.max(2, availableParallelism()), maxThreads)) {
    this.size = threads;
    this.#secrets = secrets;
    this.slabs = new SlabPool(threads * 2 + 1);
  }

  /** Runs a job on the given thread, or on the one with the shortest queue. `transfer` hands buffers over for good. */
  async run<K extends JobKind>(
    kind: K,
    job: JobOf<K>,
    options: { readonly transfer?: readonly ArrayBuffer[]; readonly thread?: number } = {},
  ): Promise<ResultOf<K>> {
    if (this.#isClosed) throw new LifeboatError('Internal', 'the repository was closed while it was in use');
    const thread = this.#thread(options.thread ?? this.leastBusy());
    if (thread.failure !== undefined) throw thread.failure;
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    return new Promise((resolve, reject) => {
      thread.open.set(number, { resolve, reject });
      thread.worker.ref();
      thread.worker.postMessage({ number, kind, job }, [...(options.transfer ?? [])]);
    });
  }

  leastBusy(): number {
    let best = 0;
    for (let index = 1; index < this.size; index += 1) {
      if ((this.#threads[index]?.open.size ?? 0) < (this.#threads[best]?.open.size ?? 0)) best = index;
    }
    return best;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #thread(index: number): Thread {
    // Started at first use: `backups list` needs none.
    for (let made = this.#threads.length; made <= index; made += 1) this.#threads.push(this.#start());
    const thread = this.#threads[index];
    if (thread === undefined) throw new LifeboatError('Internal', `there is no thread ${index}`);
    return thread;
  }

  #start(): Thread {
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: { secrets: this.#secrets },
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: youngMb },
    });
    const thread: Thread = { worker, open: new Map() };
    worker.on('message', (reply: Reply) => {
      const waiting = thread.open.get(reply.number);
      thread.open.delete(reply.number);
      // An idle thread does not keep the process alive.
      if (thread.open.size === 0) worker.unref();
      if (reply.error === undefined) waiting?.resolve(reply.result as never);
      else waiting?.reject(fromThreadError(reply.error));
    });
    const fail = (error: Error): void => {
      thread.failure ??= error;
      for (const { reject } of thread.open.values()) reject(error);
      thread.open.clear();
    };
    worker.on('error', (error) => fail(threadDied(error)));
    worker.on('exit', () => fail(new LifeboatError('Internal', 'a repository thread ended while it had work')));
    worker.unref();
    return thread;
  }
}

function threadDied(error: unknown): LifeboatError {
  const known = meaningOf(error as NodeJS.ErrnoException, process.getuid?.());
  const { code, message, hint } = known ?? { code: 'Internal', message: String(error), hint: undefined };
  return new LifeboatError(code, `a repository thread died: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
