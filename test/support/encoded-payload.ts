import { RawValue } from '@temporalio/common';

/** What another program sends: `data` under an encoding that it names. */
export function encodedPayload(encoding: string, data: string): RawValue {
  return new RawValue(undefined, {
    toPayload: () => ({ metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(data) }),
    fromPayload: () => {
      throw new Error('only what is sent is made of it');
    },
  });
}

const nested = (depth: number): string => `${'['.repeat(depth)}1${']'.repeat(depth)}`;

/** Payloads that the SDK's own converter does not read, or that nobody could hand on, and how Lifeboat tells of them. */
export const unreadablePayloads = [
  ['json/protobuf', '{}', 'that is no JSON (encoding json/protobuf)'],
  ['binary/encrypted', 'x', 'that is no JSON (encoding binary/encrypted)'],
  ['json/plain', '{', 'that is no JSON (encoding json/plain)'],
  ['json/plain', '', 'that is no JSON (encoding json/plain)'],
  ['', '{}', 'that is no JSON (encoding not given)'],
  ['json/plain', nested(100_000), 'that is nested deeper than 100 levels'],
  ['json/plain', nested(101), 'that is nested deeper than 100 levels'],
  ['json/plain', `[${'1e20,'.repeat(60_000)}1]`, 'of 300003 bytes (at most 262144 are taken)'],
  ['json/plain', '1e999', 'with a number that is not finite'],
  ['json/plain', '{"reason":[-1e999]}', 'with a number that is not finite'],
].map(([encoding = '', data = '', what = '']) => ({
  payload: encodedPayload(encoding, data),
  told: `it must be an object, not the text \`a payload ${what}\``,
}));
