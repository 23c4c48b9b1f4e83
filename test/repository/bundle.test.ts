/** Bundles: several blocks in the plaintext of one frame. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { blocksOfBundle, digestOfBundle, encodeBundle } from '../../src/repository/bundle.ts';
import {
  Opener,
  Sealer,
  digestOfContent,
  digestsInBundle,
  frameKinds,
  frameOverhead,
  parseHeader,
} from '../../src/repository/frame.ts';
import { blockIn, unpackFrameOf } from '../../src/repository/open-block.ts';
import { createSecrets } from '../../src/repository/secrets.ts';
import { verify } from '../../src/repository/threads/verify-job.ts';

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const bundleOf = (...blocks: readonly string[]): Buffer =>
  encodeBundle(
    blocks.map((block) => Buffer.byteLength(block)),
    Buffer.from(blocks.join('')),
  );
const texts = ['first', 'x', 'the third one'];

describe('a bundle', () => {
  test('holds the number of its blocks, their lengths and their bytes, and nothing else', () => {
    const bundle = bundleOf(...texts);
    expect(bundle.toString('latin1')).toBe('\0\0\0\u0003\0\0\0\u0005\0\0\0\u0001\0\0\0\rfirstxthe third one');
    expect(blocksOfBundle(bundle)).toEqual([
      { at: 16, length: 5 },
      { at: 21, length: 1 },
      { at: 22, length: 13 },
    ]);
  });

  test.each([
    ['is empty', Buffer.alloc(0)],
    ['is shorter than a number', Buffer.alloc(3)],
    ['has no blocks', Buffer.alloc(4)],
    ['counts more blocks than it has lengths', Buffer.from([0, 0, 0, 2, 0, 0, 0, 1])],
    ['counts four billion blocks', Buffer.from([255, 255, 255, 255, 0, 0, 0, 1, 7])],
    ['is longer than its blocks', Buffer.concat([bundleOf(...texts), Buffer.from('x')])],
    ['is shorter than its blocks', bundleOf(...texts).subarray(0, -1)],
    ['has a block without bytes', bundleOf('a', '', 'b')],
  ])('that %s is none', (_, bytes) => {
    expect(blocksOfBundle(bytes)).toBeUndefined();
    expect(() => digestsInBundle(bytes)).toThrow('lengths that do not fit');
    // A verification finds it, also where the frame and the table of its pack say the same of it.
    const digest = sha256(Buffer.from('what is said of it'));
    const frame = Buffer.alloc(bytes.length + frameOverhead);
    const kind = frameKinds.bundle;
    const length = new Sealer(undefined).seal({ kind, plain: bytes, digest, level: 1 }, frame, 0);
    const job = { frames: Uint32Array.from([0, length]), digests: digest, bundles: new Set([0]), digest: false };
    expect(verify({ ...job, bytes: frame.subarray(0, length), full: true }, new Opener(undefined)).bad).toMatchObject([
      { frame: 0, message: expect.stringContaining('lengths that do not fit') as string },
    ]);
  });

  test.each([
    ['sealed', createSecrets()],
    ['open', undefined],
  ])('in a frame has the id of the digests of its blocks, and each block opens at its place (%s)', (_, secrets) => {
    const bundle = bundleOf(...texts);
    const digests = Buffer.concat(texts.map((text) => sha256(Buffer.from(text))));
    expect(digestOfContent(frameKinds.bundle, bundle)).toEqual(sha256(digests));
    expect(digestOfBundle(digests)).toEqual(sha256(digests));
    const opener = new Opener(secrets);
    const frame = new Sealer(secrets).frame(frameKinds.bundle, bundle);
    if (secrets === undefined) expect(parseHeader(frame).id).toEqual(sha256(digests));
    expect(opener.isIdOf(frame, sha256(digests))).toBe(true);
    expect(opener.open(frame, frameKinds.bundle)).toEqual(bundle);
    for (const [block, { at, length }] of (blocksOfBundle(bundle) ?? []).entries()) {
      const digest = sha256(Buffer.from(texts[block] ?? '')).toString('hex');
      const named = { digest, plainLength: length, within: at };
      expect(blockIn(unpackFrameOf(named, frame, opener), named).toString()).toBe(texts[block]);
      for (const wrong of [
        { within: at + 1 },
        { within: 1000 },
        { plainLength: length + 1 },
        { digest: '0'.repeat(64) },
      ])
        expect(() => blockIn(bundle, { ...named, ...wrong })).toThrow('another block');
      expect(() => unpackFrameOf({ digest, plainLength: bundle.length }, frame, opener)).toThrow(
        'is of kind 6 where 1',
      );
    }
  });
});
