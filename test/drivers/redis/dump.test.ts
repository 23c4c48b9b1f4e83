import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Crc64 } from '../../../src/drivers/redis/crc64.ts';
import { DumpFraming } from '../../../src/drivers/redis/dump-framing.ts';
import { RdbReader, type RdbKey, type RdbSummary } from '../../../src/drivers/redis/rdb-reader.ts';
import { RdbError } from '../../../src/drivers/redis/rdb-steps.ts';
import { engineTest as test } from '../../support/engines.ts';
import { fill, sampleKeys, withClient } from './sample.ts';

function read(bytes: Buffer, chunkBytes: number): { summary: RdbSummary; keys: string[] } {
  const keys: string[] = [];
  const reader = new RdbReader((key: RdbKey) =>
    keys.push(
      `${key.db} ${key.key.toString('hex')} ${key.expiresAtMs ?? ''} ${Buffer.from(key.digest, 'latin1').toString('hex')}`,
    ),
  );
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.write(bytes.subarray(at, at + chunkBytes));
  return { summary: reader.end(), keys };
}

test('the checksum is CRC-64/REDIS in whatever pieces it is fed', () => {
  const sum = new Crc64();
  for (const part of ['1', '2345678', '9']) sum.update(Buffer.from(part));
  expect(sum.digest()).toBe('e9c6d914c4b8d9ca');
});

test('D2.7: a real dump gives every key in pieces of any size; no flipped bit and no cut passes', async ({ redis }) => {
  const bytes = await withClient(redis, async (client) => {
    await fill(client, 'sample');
    await client.function('LOAD', "#!lua name=companion\nredis.register_function('noop', function() return 1 end)");
    await client.save();
    return readFile(join(redis.dataDirectory, 'dump.rdb'));
  });
  const whole = read(bytes, bytes.length);
  expect(whole.summary).toMatchObject({
    keys: sampleKeys,
    expiring: 501,
    functions: 1,
    bytes: bytes.length,
    hasChecksum: true,
  });
  expect(new Set(whole.keys).size).toBe(sampleKeys + 1);
  for (const chunkBytes of [7, 1000, 4097, 65_536]) expect(read(bytes, chunkBytes)).toEqual(whole);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
      const spoiled = Buffer.from(bytes);
      spoiled[at]! ^= 1 << bit;
      expect(() => read(spoiled, 65_536)).toThrow(RdbError);
      expect(() => read(bytes.subarray(0, at), 65_536)).toThrow(RdbError);
    }),
    { numRuns: 60 },
  );
});

test('a dump is taken out of the replication stream whole, in either framing, however it is cut', () => {
  const content = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(content, fc.boolean(), fc.integer({ min: 1, max: 50 }), (dump, isCounted, pieceBytes) => {
      // As the server makes it: nothing that the dump's own end could be taken for.
      const mark = createHash('sha1').update(dump).digest('hex');
      const framed = isCounted
        ? [Buffer.from(`\n\n$${dump.length}\r\n`), dump]
        : [Buffer.from(`\n$EOF:${mark}\r\n`), dump, Buffer.from(mark)];
      const stream = Buffer.concat([...framed, Buffer.from('*1\r\n$4\r\nPING\r\n')]);
      const framing = new DumpFraming();
      const taken: Buffer[] = [];
      for (let at = 0; at < stream.length && !framing.isComplete; at += pieceBytes) {
        framing.add(stream.subarray(at, at + pieceBytes));
        for (let part = framing.takeDump(); part.length > 0; part = framing.takeDump()) taken.push(part);
      }
      expect(framing.isComplete).toBe(true);
      expect(Buffer.concat(taken).equals(dump)).toBe(true);
    }),
  );
});
