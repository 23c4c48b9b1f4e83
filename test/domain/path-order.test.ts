/** The order of paths is that in which a walk meets them: by it the files of the previous index are found again. */
import { describe, expect, test } from 'vitest';
import { compareInWalk } from '../../src/domain/path-order.ts';

/** Names and what they hold; undefined for a file. */
type Tree = Map<string, Tree | undefined>;

/** As a walk goes: the names of a folder in byte order, each followed by all that is in it. */
function walked(tree: Tree, prefix = ''): string[] {
  const names = [...tree.keys()].sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')));
  return names.flatMap((name) => [`${prefix}${name}`, ...walked(tree.get(name) ?? new Map(), `${prefix}${name}/`)]);
}

describe('the order of a walk', () => {
  test('a folder comes before what is in it, and that before names that only begin like the folder', () => {
    const order = ['a', 'a/b', 'a/b/c', 'a/z', 'a\u0001', 'a ', 'a-b', 'a.txt', 'a0', 'aa', 'b', 'é', 'ÿ'];
    const shuffled = [...order].reverse();
    expect(shuffled.sort(compareInWalk)).toEqual(order);
  });

  test('is that of any tree, of names that are any bytes', () => {
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    // Bytes around the slash, and the first and the last.
    const bytes = [0x01, 0x20, 0x2d, 0x2e, 0x30, 0x41, 0x61, 0x7f, 0x80, 0xc3, 0xff];
    const name = (): string =>
      Buffer.from(Array.from({ length: 1 + random(3) }, () => bytes[random(bytes.length)] ?? 0)).toString('latin1');
    const tree = (levels: number): Tree =>
      new Map(
        Array.from({ length: random(6) }, () => [name(), levels > 0 && random(2) === 0 ? tree(levels - 1) : undefined]),
      );
    for (let round = 0; round < 300; round += 1) {
      const paths = walked(tree(4));
      const shuffled = paths.map((path) => ({ path, key: random(1_000_000) })).sort((a, b) => a.key - b.key);
      expect(shuffled.map(({ path }) => path).sort(compareInWalk)).toEqual(paths);
      for (const path of paths) expect(compareInWalk(path, path)).toBe(0);
    }
  });
});
