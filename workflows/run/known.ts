/** Refuses names in an input that the configuration does not have. */
import { ApplicationFailure } from '@temporalio/workflow';

/**
 * InputInvalid with all that is unknown, what is known, and an example of a whole input made of what is known. `kind` is the
 * word for one: `location`, `vector store`.
 */
export function requireKnown(
  kind: string,
  wanted: readonly string[],
  known: readonly string[],
  exampleOf: (known: string | undefined) => object,
): void {
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw inputInvalid(
    `unknown ${kind} ${unknown.join(', ')}; known are ${known.join(', ') || 'none'}`,
    exampleOf(known[0]),
  );
}

export function inputInvalid(text: string, example: object): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`${text}. Example: ${JSON.stringify(example)}`, 'InputInvalid');
}
