/**
 * Test files follow one another in the same processes, which saves a start each: a file that leaves its process changed
 * fails, for the next ones would run in a state of its making.
 */
import { afterAll, beforeAll, expect, vi } from 'vitest';

let before: ReturnType<typeof processState>;
beforeAll(() => void (before = processState()));
afterAll(() => {
  const after = processState();
  const fake = vi.isFakeTimers();
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  expect({ ...after, fake }, 'this file leaves its process as it found it').toEqual({ ...before, fake: false });
});

function processState() {
  const listeners = process.eventNames().map((name) => [String(name), process.listenerCount(name)] as const);
  return {
    cwd: process.cwd(),
    umask: process.umask(),
    exitCode: process.exitCode,
    env: { ...process.env },
    listeners: Object.fromEntries(listeners.filter(([name]) => name.startsWith('SIG'))),
    fetch: globalThis.fetch,
  };
}
