/** What a value of lifeboat.yaml must be, where its schema has no words of its own for it. Completes "must be …". */
import type { z } from 'zod';

const types: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: '`true` or `false`',
  object: 'a map of keys',
  record: 'a map of names',
  array: 'a list',
};

export function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return types[issue.expected];
    case 'invalid_value':
      return oneOf(issue.values);
    case 'too_small':
      return tooSmall(issue.origin, Number(issue.minimum));
    case 'too_big':
      return `at most ${issue.maximum}`;
    case 'invalid_format':
      return issue.format === 'url' ? 'an address, for example `https://example.org/path`' : undefined;
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options) ? oneOf(issue.options) : undefined;
    default:
      return undefined;
  }
}

function oneOf(values: readonly unknown[]): string {
  return `one of ${values.map((value) => `\`${String(value)}\``).join(', ')}`;
}

function tooSmall(origin: string, minimum: number): string {
  if (origin === 'array') return 'a list that is not empty';
  if (origin !== 'string') return `at least ${minimum}`;
  return minimum === 1 ? 'a text that is not empty' : `a text of at least ${minimum} characters`;
}
