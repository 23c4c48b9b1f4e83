/**
 * Anybody may start a run with a memo that no client reads, and what lists or describes runs would fail at that one: it is
 * read as a text. For clients; workflows have a converter of their own.
 */
import { defaultPayloadConverter, type Payload, type PayloadCodec } from '@temporalio/common';

const readable: PayloadCodec = {
  encode: async (payloads) => payloads,
  decode: async (payloads) => payloads.map((payload) => (isReadable(payload) ? payload : unreadable)),
};

const unreadable = defaultPayloadConverter.toPayload('a payload that is no JSON');

function isReadable(payload: Payload): boolean {
  try {
    defaultPayloadConverter.fromPayload(payload);
    return true;
  } catch {
    return false;
  }
}

/** The data converter of every client. */
export const readablePayloads = { payloadCodecs: [readable] };
