/** The child's end of bounded-child.ts: answers requests until the parent is gone. */
import { flushCompileCache } from 'node:module';
import { isLifeboatError } from '../domain/errors.ts';
import type { ChildReply } from './bounded-child.ts';

export type Handler = (message: { readonly id: number } & Record<string, unknown>) => Promise<unknown>;

/** Handlers run as requests come, also at once. An error that is not a LifeboatError becomes EngineFailed. */
export function serveRequests(handle: Handler): void {
  process.on('message', (message: { readonly id: number }) => {
    void handle(message as Parameters<Handler>[0])
      .then(
        (value) => ({ id: message.id, ok: true, value }) as const,
        (error: unknown) => ({ id: message.id, ok: false, ...describe(error) }) as const,
      )
      .then((answer) => {
        keepCompiledCode();
        reply(answer);
      });
  });
  // Without this a child would outlive a worker that was killed.
  process.on('disconnect', () => process.exit(0));
}

let isKept = false;

/** With the first answer: the parent kills a child that it needs no more, and Node would keep it only at an end of its own. */
function keepCompiledCode(): void {
  if (isKept) return;
  isKept = true;
  flushCompileCache();
}

function describe(error: unknown): Pick<ChildReply & { ok: false }, 'code' | 'message' | 'hint'> {
  if (isLifeboatError(error)) return { code: error.code, message: error.message, hint: error.hint };
  return { code: 'EngineFailed', message: error instanceof Error ? error.message : String(error) };
}

function reply(message: ChildReply): void {
  // The parent may be gone by now; then nobody waits for the answer.
  if (process.connected) process.send?.(message, () => undefined);
}
