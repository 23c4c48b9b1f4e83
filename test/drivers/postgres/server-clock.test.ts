import { expect, test } from 'vitest';
import { ServerClock } from '../../../src/drivers/postgres/wal/server-clock.ts';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 28) + seconds * 1000);

test('under load what is stored is covered until it was written, though the server is always further', () => {
  const clock = new ServerClock();
  for (let second = 0; second < 30; second += 1) clock.flushed(BigInt(second * 100), at(second));
  clock.cover(1050n);
  expect(clock.covered).toEqual({ lsn: 1000n, time: at(10) });
  expect(clock.timeAt(2050n)).toEqual(at(20));
  clock.cover(5000n);
  expect(clock.covered?.time).toEqual(at(29));
});

/** One question and its answer. */
function ask(clock: ServerClock, lsn: bigint, seconds: number): void {
  clock.asked();
  clock.sent(lsn, at(seconds), false);
}

test('a keepalive of a server that has more to send proves nothing; the next answer of the same position proves the first', () => {
  const clock = new ServerClock();
  clock.flushed(500n, at(0));
  ask(clock, 500n, 5);
  clock.cover(500n);
  expect(clock.covered?.time).toEqual(at(0));
  // It had flushed this before the keepalive.
  clock.flushed(900n, at(6));
  clock.cover(500n);
  expect(clock.covered?.time).toEqual(at(0));
  clock.cover(900n);
  ask(clock, 900n, 10);
  ask(clock, 900n, 15);
  clock.cover(900n);
  expect(clock.covered?.time).toEqual(at(10));
});

test('a server whose output is blocked answers without sending: answers to questions asked at once prove nothing', () => {
  const clock = new ServerClock();
  clock.flushed(500n, at(0));
  // Nobody reads: the questions pile up, and so do the answers.
  for (const seconds of [0, 1, 2]) {
    clock.asked();
    clock.cover(BigInt(500 + seconds));
  }
  for (const seconds of [5, 6, 7]) clock.sent(500n, at(seconds), false);
  // One that the server sends by itself answers nothing.
  clock.asked();
  clock.sent(500n, at(8), true);
  clock.cover(500n);
  expect(clock.covered?.time).toEqual(at(0));
  clock.sent(500n, at(9), false);
  ask(clock, 500n, 10);
  clock.cover(500n);
  expect(clock.covered?.time).toEqual(at(9));
});

test('a piece that ends before what is known has an older time, or none', () => {
  const clock = new ServerClock();
  expect(clock.timeAt(100n)).toBeUndefined();
  clock.flushed(700n, at(1));
  expect(clock.timeAt(100n)).toBeUndefined();
  expect(clock.timeAt(700n)).toEqual(at(1));
});

test('many marks within a second are kept as few', () => {
  const clock = new ServerClock();
  for (let step = 0; step < 10_000; step += 1) clock.flushed(BigInt(step), at(step / 5000));
  clock.cover(9998n);
  expect(clock.covered!.time.getTime()).toBeGreaterThan(at(0).getTime());
  clock.cover(9999n);
  expect(clock.covered).toEqual({ lsn: 9999n, time: at(9999 / 5000) });
});
