import { describe, expect, test, vi } from 'vitest';
import { PackMemory } from '../../src/repository/threads/pack-memory.ts';

const size = 100_000;

describe('memory for packs', () => {
  test('a writer without a pack never waits; one that waits gets its own back, however many others hold theirs', async () => {
    const memory = new PackMemory(size);
    const writers = [{}, {}, {}, {}, {}];
    const first = await Promise.all(writers.map(async (writer) => memory.take(writer)));
    const [writer = {}] = writers;
    let got: Buffer | undefined;
    const waiting = memory.take(writer).then((more) => (got = more));
    await Promise.resolve();
    expect(got).toBeUndefined();
    memory.give(writer, first[0]!);
    await waiting;
    expect(got).toBe(first[0]);
  });

  test('below the limit what comes back goes to who waited longest, and is used again', async () => {
    const memory = new PackMemory(size);
    const [one, two] = [{}, {}];
    const packs = [await memory.take(one), await memory.take(one), await memory.take(two)];
    const order: string[] = [];
    const waiting = [memory.take(one).then(() => order.push('one')), memory.take(two).then(() => order.push('two'))];
    memory.give(one, packs[0]!);
    memory.give(one, packs[1]!);
    await Promise.all(waiting);
    expect(order).toEqual(['one', 'two']);
    expect(new Set(packs).size).toBe(3);
    expect(packs.every((pack) => pack.byteOffset % 65_536 === 0 && pack.length >= size)).toBe(true);
  });

  test('when nobody packs any more it is given up after a moment, and made anew for the next writer', async () => {
    vi.useFakeTimers();
    try {
      const memory = new PackMemory(size);
      const writer = {};
      const first = await memory.take(writer);
      memory.give(writer, first);
      vi.advanceTimersByTime(900);
      expect(await memory.take(writer)).toBe(first);
      vi.advanceTimersByTime(5000);
      memory.give(writer, first);
      vi.advanceTimersByTime(1100);
      const next = await memory.take(writer);
      expect(next.buffer).not.toBe(first.buffer);
      expect(next.byteOffset % 65_536).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
