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

/** Payloads that the SDK's own converter does not read, and how Lifeboat tells of them. */
export const unreadablePayloads = [
  ['json/protobuf', '{}'],
  ['binary/encrypted', 'x'],
  ['json/plain', '{'],
].map(([encoding = '', data = '']) => ({
  payload: encodedPayload(encoding, data),
  told: `it must be an object, not the text \`a payload that is no JSON (encoding ${encoding})\``,
}));
