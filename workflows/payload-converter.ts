/**
 * How payloads become values within workflows. One that is no JSON would fail the workflow task for ever, before any of our
 * code could refuse it: it becomes a text that says what came, which no input or message takes. The bundle names this file.
 */
import {
  DefaultPayloadConverter,
  type ConverterHint,
  type Payload,
  type SerializationContext,
} from '@temporalio/common';

class TolerantPayloadConverter extends DefaultPayloadConverter {
  override fromPayload<T>(payload: Payload, context?: SerializationContext, hint?: ConverterHint<T>): T {
    try {
      return super.fromPayload(payload, context, hint);
    } catch {
      return `a payload that is no JSON (encoding ${encodingOf(payload)})` as T;
    }
  }
}

function encodingOf({ metadata }: Payload): string {
  const encoding = metadata?.['encoding'];
  return encoding ? new TextDecoder().decode(encoding) : 'not given';
}

export const payloadConverter = new TolerantPayloadConverter();
