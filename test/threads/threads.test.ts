import { afterEach, beforeEach, expect, test } from 'vitest';
import { Threads } from '../../src/threads/threads.ts';
import type { DyingJobs } from './dying-thread.ts';

let threads: Threads<DyingJobs>;
beforeEach(() => {
  threads = new Threads({ program: './dying-thread', beside: import.meta.url, size: 2, name: 'the thread' });
});
afterEach(async () => threads.close());

test('a thread that died is replaced: what it had in hand fails, and nothing after it', async () => {
  const dying = [threads.run('die', null), threads.run('die', null)];
  for (const each of await Promise.allSettled(dying)) expect(each.status).toBe('rejected');
  for (const word of ['one', 'two', 'three', 'four']) expect(await threads.run('say', word)).toBe(word);
});

test('who keeps something in a thread is told that it died, and gets no other one', async () => {
  const thread = threads.leastBusy();
  await expect(threads.run('die', null, { thread })).rejects.toThrow('the thread ended while it had work');
  expect(await threads.run('say', 'another')).toBe('another');
  await expect(threads.run('say', 'kept', { thread })).rejects.toThrow('the thread ended');
});

test('after their end nothing is started', async () => {
  await threads.close();
  await expect(threads.run('say', 'late')).rejects.toThrow('after it had been ended');
});
