/**
 * Looks at trees on threads, so that a folder of a hundred thousand files does not hold up the main thread. There are two for
 * the whole process: a disk that does not answer takes one of them, and two such disks hold up all other trees.
 */
import { Threads } from '../../threads/threads.ts';
import type { CompareJob, Compared } from '../folder/compare-entries.ts';
import type { Found, WalkOptions } from '../files/walk.ts';
import { decodeFound } from './found-text.ts';
import type { TreeJobs, WalkResult } from './threads/jobs.ts';

/** One waits for a disk while the other has work. */
const treeThreads = 2;

const threads = new Threads<TreeJobs>({
  program: './threads/worker',
  beside: import.meta.url,
  size: treeThreads,
  name: 'a thread that looks at files',
});
/** What is walked before it is asked for, so that neither waits for the other. */
const stepsAhead = 4;
let nextWalk = 1;

export type WalkTree = (options: WalkOptions) => AsyncGenerator<readonly Found[], string>;

/** As `walk`, some entries at a time; returns the fingerprint of all (names and times, no contents). */
export async function* walkTree(
  options: WalkOptions,
  { fingerprintOnly = false }: { readonly fingerprintOnly?: boolean } = {},
): AsyncGenerator<readonly Found[], string> {
  const walk = nextWalk;
  nextWalk += 1;
  const thread = threads.leastBusy();
  const ahead: Promise<WalkResult>[] = [];
  const ask = (more: { readonly options?: WalkOptions } = {}): void => {
    const result = threads.run('walk', { walk, fingerprintOnly, ...more }, { thread });
    // Nobody waits for those behind the end, which fail.
    result.catch(() => undefined);
    ahead.push(result);
  };
  ask({ options });
  let isAtEnd = false;
  try {
    for (;;) {
      while (ahead.length < stepsAhead) ask();
      const { found, fingerprint } = await ahead.shift()!.catch((error: unknown) => {
        isAtEnd = true;
        throw error;
      });
      isAtEnd = fingerprint !== undefined;
      if (!fingerprintOnly && found !== '') yield found.split('\n').map(decodeFound);
      if (fingerprint !== undefined) return fingerprint;
    }
  } finally {
    if (!isAtEnd) await threads.run('endWalk', { walk }, { thread });
  }
}

export async function fingerprintOfTree(options: WalkOptions): Promise<string> {
  const walking = walkTree(options, { fingerprintOnly: true });
  for (;;) {
    const { done, value } = await walking.next();
    if (done === true) return value;
  }
}

/**
 * Bytes of all regular files of a tree; a hard-linked file counts once, links are not followed. What is absent or may
 * not be listed counts nothing.
 */
export async function treeBytes(path: string): Promise<number> {
  return threads.run('bytes', { path });
}

/** Brings every file and folder of a tree to stable storage. */
export async function syncTree(path: string): Promise<void> {
  await threads.run('sync', { path });
}

export async function compareOnThread(job: CompareJob): Promise<Compared> {
  return threads.run('compare', job);
}
