import { describe, expect, test } from 'vitest';
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
});
