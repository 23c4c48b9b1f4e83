/**
 * How payloads become values within workflows. One that cannot be read, or not be handed on, would fail the workflow task for
 * ever, before any of our code could refuse it: it becomes a text that says what came, which no input or message takes. The
 * bundle names this file.
 */
import {
  DefaultPayloadConverter,
  type ConverterHint,
  type Payload,
  type SerializationContext,
} from '@temporalio/common';
import { deepestJson, hasInfinite, isTooDeep, longestSent } from '../src/domain/replayed.ts';

class TolerantPayloadConverter extends DefaultPayloadConverter {
  override fromPayload<T>(payload: Payload, context?: SerializationContext, hint?: ConverterHint<T>): T {
    try {
      const refused = refusalOf(payload, context);
      if (refused !== undefined) return refused as T;
      const value = super.fromPayload(payload, context, hint);
      return hasInfinite(value) ? ('a payload with a number that is not finite' as T) : value;
    } catch {
      return noJson(payload) as T;
    }
  }
}

/** Told before it is parsed. What activities hand to their run is ours, and may be longer than what people send. */
function refusalOf(payload: Payload, context: SerializationContext | undefined): string | undefined {
  const { data } = payload;
  const encoding = encodingOf(payload);
  if (encoding === 'binary/null') return undefined;
  if (encoding !== 'json/plain') return noJson(payload);
  if (context?.type !== 'activity' && (data?.length ?? 0) > longestSent)
    return `a payload of ${data?.length} bytes (at most ${longestSent} are taken)`;
  return isTooDeep(textOf(data)) ? `a payload that is nested deeper than ${deepestJson} levels` : undefined;
}

function noJson(payload: Payload): string {
  return `a payload that is no JSON (encoding ${encodingOf(payload) || 'not given'})`;
}

function encodingOf({ metadata }: Payload): string {
  return textOf(metadata?.['encoding']);
}

/** What is empty comes as a list that is no bytes. */
function textOf(bytes: Uint8Array | null | undefined): string {
  return bytes?.length ? new TextDecoder().decode(bytes) : '';
}

export const payloadConverter = new TolerantPayloadConverter();
