/** Takes stored vectors out of a flat index file, so that known queries are real ones. Other kinds get seeded vectors. */
import { open } from 'node:fs/promises';
import { indexHeaderBytes, parseIndexHeader } from './index-header.ts';

/** `count` vectors of the given dimension, the same ones for the same file. */
export async function sampleQueries(
  path: string,
  count: number,
  total: number,
  dimension: number,
): Promise<Float32Array[]> {
  const file = await open(path, 'r');
  try {
    const start = Buffer.alloc(indexHeaderBytes);
    await file.read(start, 0, start.length, 0);
    const vectorBytes = dimension * 4;
    const flat = parseIndexHeader(start)?.flat;
    const isFlat =
      flat !== undefined && (await file.stat()).size === flat.end && flat.end === flat.begin + total * vectorBytes;
    if (!isFlat) return Array.from({ length: count }, (_, index) => seededVector(index + 1, dimension));
    return await Promise.all(
      Array.from({ length: Math.min(count, total) }, async (_, index) => {
        const bytes = Buffer.alloc(vectorBytes);
        await file.read(bytes, 0, vectorBytes, flat.begin + Math.floor((index * total) / count) * vectorBytes);
        return new Float32Array(bytes.buffer, bytes.byteOffset, dimension);
      }),
    );
  } finally {
    await file.close();
  }
}

/** Length 1, from a linear congruential generator. */
function seededVector(seed: number, dimension: number): Float32Array {
  let state = seed;
  const vector = Float32Array.from({ length: dimension }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
