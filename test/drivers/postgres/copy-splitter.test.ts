import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CopySplitter } from '../../../src/drivers/postgres/capture/copy-splitter.ts';

function message(tag: string, payload: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.write(tag, 0, 'latin1');
  header.writeUInt32BE(payload.length + 4, 1);
  return Buffer.concat([header, payload]);
}

const anyMessage = fc.record({
  tag: fc.constantFrom('d', 'd', 'N', 'Z', 'c'),
  payload: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

test('separates copy data from other messages, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 20 }), fc.integer({ min: 1, max: 400 }), (messages, pieceBytes) => {
      const stream = Buffer.concat(messages.map(({ tag, payload }) => message(tag, payload)));
      const copied: Buffer[] = [];
      const others: Buffer[] = [];
      let parts: Buffer[] = [];
      const splitter = new CopySplitter({
        copy(kind, bytes, isEnd) {
          parts.push(Buffer.from(bytes));
          if (!isEnd) return;
          copied.push(Buffer.concat([Buffer.from([kind]), ...parts]));
          parts = [];
        },
        other: (bytes) => void others.push(Buffer.from(bytes)),
      });
      for (let at = 0; at < stream.length; at += pieceBytes) splitter.feed(stream.subarray(at, at + pieceBytes));
      expect(copied).toEqual(messages.filter(({ tag }) => tag === 'd').map(({ payload }) => payload));
      expect(Buffer.concat(others)).toEqual(
        Buffer.concat(messages.filter(({ tag }) => tag !== 'd').map(({ tag, payload }) => message(tag, payload))),
      );
    }),
  );
});

test('passes messages without a payload', () => {
  const others: Buffer[] = [];
  const splitter = new CopySplitter({ copy: () => {}, other: (bytes) => void others.push(bytes) });
  splitter.feed(Buffer.concat([message('c', Buffer.alloc(0)), message('Z', Buffer.from('I'))]));
  expect(Buffer.concat(others).toString('latin1')).toBe('c\0\0\0\x04Z\0\0\0\x05I');
});
