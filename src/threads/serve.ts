/** A thread's side: performs one job after the other and answers each. */
import { parentPort } from 'node:worker_threads';
import { toThreadError } from './thread-error.ts';
import type { Jobs, Reply } from './threads.ts';

export type Performers<Kinds extends Jobs> = {
  readonly [K in keyof Kinds]: (job: Kinds[K]['job']) => Kinds[K]['result'];
};

export function serve<Kinds extends Jobs>(perform: Performers<Kinds>): void {
  parentPort?.on(
    'message',
    ({ number, kind, job }: { readonly number: number; readonly kind: keyof Kinds; readonly job: unknown }) => {
      parentPort?.postMessage(answer(number, () => perform[kind](job)));
    },
  );
}

function answer(number: number, perform: () => unknown): Reply {
  try {
    return { number, result: perform() };
  } catch (error) {
    return { number, error: toThreadError(error) };
  }
}
