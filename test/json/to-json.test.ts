import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toJson } from '../../src/json/to-json.ts';

/** Halves of surrogate pairs, and what resembles their escapes. */
const texts = fc.string({ unit: fc.constantFrom('\ud83d', '\ude00', '\\', 'ud83d', '"', '\n', 'ü'), maxLength: 6 });

describe('JSON for other programs', () => {
  test('half of a surrogate pair becomes U+FFFD, in values and in names, and nothing else changes', () => {
    fc.assert(
      fc.property(texts, texts, (name, text) => {
        const json = toJson({ [name]: [text] }, 1);
        expect(json.isWellFormed()).toBe(true);
        expect(JSON.parse(json)).toEqual({ [name.toWellFormed()]: [text.toWellFormed()] });
      }),
      { numRuns: 2000 },
    );
  });
});
