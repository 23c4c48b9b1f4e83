/** Threads that do one synchronous job after the other, so that nothing of it holds up the main thread. */
import { Worker } from 'node:worker_threads';
import { LifeboatError } from '../domain/errors.ts';
import { meaningOf } from '../domain/system-error.ts';
import { fromThreadError, type ThreadError } from './thread-error.ts';

/** A thread makes few objects that last; V8 would keep 25 MB for them. */
const youngMb = 4;

/** What threads can be asked, by its name. */
export type Jobs = Readonly<Record<string, { readonly job: unknown; readonly result: unknown }>>;

export interface Reply {
  readonly number: number;
  readonly result?: unknown;
  readonly error?: ThreadError;
}

export interface ThreadsOptions {
  /** Path of the thread's program beside the caller (`import.meta.url`), without its ending. */
  readonly program: string;
  readonly beside: string;
  readonly size: number;
  readonly workerData?: unknown;
  /** For messages: `a repository thread`. */
  readonly name: string;
}

export interface RunOptions {
  /** Buffers that are handed over for good. */
  readonly transfer?: readonly ArrayBuffer[];
  /** By default the one with the shortest queue. */
  readonly thread?: Thread;
}

/** One of the threads: who keeps something in it between jobs names it for each of them. */
export interface Thread {
  readonly worker: Worker;
  /** Set when it is gone, with all that it kept: nobody would answer. */
  failure?: Error;
  readonly open: Map<number, { readonly resolve: (result: never) => void; readonly reject: (error: Error) => void }>;
}

export class Threads<Kinds extends Jobs> {
  readonly size: number;
  readonly #options: ThreadsOptions;
  readonly #threads: Thread[] = [];
  #nextNumber = 1;
  #isClosed = false;

  constructor(options: ThreadsOptions) {
    this.#options = options;
    this.size = options.size;
  }

  async run<K extends keyof Kinds>(
    kind: K,
    job: Kinds[K]['job'],
    options: RunOptions = {},
  ): Promise<Kinds[K]['result']> {
    const thread = options.thread ?? this.leastBusy();
    if (thread.failure !== undefined) throw thread.failure;
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    return new Promise((resolve, reject) => {
      thread.open.set(number, { resolve, reject });
      thread.worker.ref();
      thread.worker.postMessage({ number, kind, job }, [...(options.transfer ?? [])]);
    });
  }

  /** One that died is replaced: only what it had in hand fails. */
  leastBusy(): Thread {
    let best = 0;
    for (let index = 1; index < this.size; index += 1) {
      if ((this.#threads[index]?.open.size ?? 0) < (this.#threads[best]?.open.size ?? 0)) best = index;
    }
    return this.#thread(best);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #thread(index: number): Thread {
    if (this.#isClosed) throw new LifeboatError('Internal', `${this.#options.name} was asked after it had been ended`);
    const known = this.#threads[index];
    if (known !== undefined && known.failure === undefined) return known;
    // Started at first use: `backups list` needs none. The first ones are asked first, so none is left out.
    const thread = this.#start();
    this.#threads[index] = thread;
    return thread;
  }

  #start(): Thread {
    const { program, beside, workerData, name } = this.#options;
    const ending = beside.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`${program}.${ending}`, beside), {
      workerData,
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
    worker.on('error', (error) => fail(threadDied(name, error)));
    worker.on('exit', () => fail(new LifeboatError('Internal', `${name} ended while it had work`)));
    worker.unref();
    return thread;
  }
}

function threadDied(name: string, error: unknown): LifeboatError {
  const known = meaningOf(error as NodeJS.ErrnoException, process.getuid?.());
  const { code, message, hint } = known ?? { code: 'Internal', message: String(error), hint: undefined };
  return new LifeboatError(code, `${name} died: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
