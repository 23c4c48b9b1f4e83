import { expect, test } from 'vitest';
import { inLanes } from '../../src/domain/in-lanes.ts';

test('so many are under way at a time, and results come in the order of what was asked', async () => {
  let [under, most] = [0, 0];
  const results = await inLanes(3, [5, 1, 4, 2, 3], async (item) => {
    under += 1;
    most = Math.max(most, under);
    for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
    under -= 1;
    return item * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(3);
});

test('what comes by itself is taken as it is asked for', async () => {
  async function* numbers(): AsyncGenerator<number> {
    for (let number = 0; number < 5; number += 1) yield number;
  }
  expect(await inLanes(2, numbers(), async (number) => number + 1)).toEqual([1, 2, 3, 4, 5]);
});

test('after a failure nothing is begun, and what is under way is awaited', async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const acting = inLanes(2, [0, 1, 2, 3, 4, 5], async (number) => {
    begun.push(number);
    await Promise.resolve();
    if (number === 1) throw new Error('no');
    await Promise.resolve();
    ended.push(number);
  });
  await expect(acting).rejects.toThrow('no');
  expect(begun.length).toBeLessThan(5);
  expect(ended).toEqual(begun.filter((number) => number !== 1));
});
