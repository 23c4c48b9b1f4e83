/** Worker threads that seal and open frames. The main thread plans, reads and writes the storage. */
import { availableParallelism } from 'node:os';
import { LifeboatError } from '../../domain/errors.ts';
import { Threads, type RunOptions, type Thread } from '../../threads/threads.ts';
import { packRoom } from '../pack.ts';
import type { Secrets } from '../secrets.ts';
import type { JobKind, JobKinds, JobOf, ResultOf } from './jobs.ts';
import { PackMemory } from './pack-memory.ts';
import { SlabPool } from './slab.ts';

/** More threads than this wait for the storage and only cost memory. */
const maxThreads = 4;

export class ThreadPool {
  /** Shared by all writers and readers of a repository: it bounds the memory of all of them. */
  readonly slabs: SlabPool;
  readonly packMemory = new PackMemory(packRoom);
  readonly size: number;
  readonly #threads: Threads<JobKinds>;
  #isClosed = false;

  constructor(secrets: Secrets | undefined, threads = Math.min(Math.max(2, availableParallelism()), maxThreads)) {
    this.size = threads;
    this.#threads = new Threads({
      program: './worker',
      beside: import.meta.url,
      size: threads,
      workerData: { secrets },
      name: 'a repository thread',
    });
    this.slabs = new SlabPool(threads * 2 + 1);
  }

  /** Runs a job on the given thread, or on the one with the shortest queue. */
  async run<K extends JobKind>(kind: K, job: JobOf<K>, options: RunOptions = {}): Promise<ResultOf<K>> {
    if (this.#isClosed) throw new LifeboatError('Internal', 'the repository was closed while it was in use');
    return this.#threads.run(kind, job, options);
  }

  leastBusy(): Thread {
    return this.#threads.leastBusy();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#threads.close();
  }
}
