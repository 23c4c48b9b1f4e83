import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Opener, Sealer, digestOfContent, frameKinds, frameOverhead, parseHeader } from '../../src/repository/frame.ts';
import { createSecrets } from '../../src/repository/secrets.ts';
import type { Secrets } from '../../src/repository/secrets.ts';

const secrets = createSecrets();

function sealed(plain: Uint8Array): Buffer {
  return frameOf(plain, secrets);
}

function frameOf(plain: Uint8Array, keys: Secrets | undefined): Buffer {
  const sealer = new Sealer(keys);
  const into = Buffer.alloc(plain.length + frameOverhead);
  return into.subarray(
    0,
    sealer.seal({ kind: frameKinds.block, plain, digest: digestOfContent(frameKinds.block, plain), level: 1 }, into, 0),
  );
}

describe('frames', () => {
  test('any bytes come back from a frame, sealed or not, compressible or not', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 5000 }),
      fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 5000 }).map((array) => Uint8Array.from(array)),
    );
    fc.assert(
      fc.property(bytes, fc.boolean(), (plain, isSealed) => {
        const keys = isSealed ? secrets : undefined;
        const frame = frameOf(plain, keys);
        expect(Buffer.compare(new Opener(keys).open(frame, frameKinds.block), plain)).toBe(0);
        expect(parseHeader(frame)).toMatchObject({ length: frame.length, plainLength: plain.length, sealed: isSealed });
      }),
    );
  });

  test('blocks that do not shrink are stored as they are, and one that shrinks among them is still compressed', () => {
    const sealer = new Sealer(secrets);
    const opener = new Opener(secrets);
    const size = 2 ** 18;
    const random = (): Buffer => randomBytes(size);
    // The last one shrinks in its second half alone.
    const blocks = [
      random(),
      random(),
      Buffer.alloc(size, 'text '),
      random(),
      Buffer.concat([random(), Buffer.alloc(size)]),
    ];
    const compressed = blocks.map((plain) => {
      const into = Buffer.alloc(plain.length + frameOverhead);
      const length = sealer.seal(
        { kind: frameKinds.block, plain, digest: digestOfContent(frameKinds.block, plain), level: 1 },
        into,
        0,
      );
      const frame = into.subarray(0, length);
      expect(opener.open(frame, frameKinds.block).equals(plain)).toBe(true);
      return parseHeader(frame).compressed;
    });
    expect(compressed).toEqual([false, false, true, false, true]);
  });

  test('every flipped bit of a sealed frame is ObjectCorrupt', () => {
    const frame = sealed(
      Buffer.from('some text that is long enough to be compressed, compressed, compressed, compressed'),
    );
    const opener = new Opener(secrets);
    for (let bit = 0; bit < frame.length * 8; bit += 1) {
      const damaged = Buffer.from(frame);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => opener.open(damaged, frameKinds.block), `bit ${bit}`).toThrow(
        expect.objectContaining({ code: 'ObjectCorrupt' }),
      );
      expect(() => opener.authenticate(damaged, frameKinds.block), `bit ${bit}`).toThrow(
        expect.objectContaining({ code: 'ObjectCorrupt' }),
      );
    }
  });

  test('a frame of another kind, of another key, cut short or with more behind it is refused', () => {
    const frame = sealed(Buffer.alloc(1000, 'x'));
    const opener = new Opener(secrets);
    expect(() => opener.open(frame, frameKinds.index)).toThrow(/of kind 1 where 3 belongs/);
    expect(() => new Opener(createSecrets()).open(frame, frameKinds.block)).toThrow(/does not authenticate/);
    expect(() => new Opener(undefined).open(frame, frameKinds.block)).toThrow(/is sealed in an open repository/);
    expect(() => opener.open(frameOf(Buffer.alloc(9), undefined), frameKinds.block)).toThrow(/is not sealed/);
    expect(() => opener.open(frame.subarray(0, -1), frameKinds.block)).toThrow(/bytes long and claims/);
    expect(() => opener.open(Buffer.concat([frame, Buffer.alloc(1)]), frameKinds.block)).toThrow(
      /bytes long and claims/,
    );
    expect(() => opener.open(frame.subarray(0, 20), frameKinds.block)).toThrow(/shorter than a header/);
  });

  test('the same plaintext never gives the same sealed bytes, and its id says nothing without the key', () => {
    const plain = Buffer.from('DB_PASSWORD=hunter2');
    expect(sealed(plain).equals(sealed(plain))).toBe(false);
    const idOf = (keys: Secrets): Buffer => parseHeader(frameOf(plain, keys)).id;
    expect(idOf(createSecrets()).equals(idOf(secrets))).toBe(false);
    expect(idOf(secrets).equals(digestOfContent(frameKinds.block, plain))).toBe(false);
    expect(sealed(plain).includes(plain)).toBe(false);
  });
});
