import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJson } from '../../src/json/parse-json.ts';

/** Few characters, so that names resemble one another, with all that JSON must escape. */
const names = fc.string({ unit: fc.constantFrom('a', '\\', '\n', '"', '\u0001', 'ü'), minLength: 1, maxLength: 4 });

describe('JSON with any names', () => {
  test('every name and value comes back, whatever was parsed before', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.jsonValue({ maxDepth: 2 })), { maxLength: 4 }), (pairs) => {
        const value = Object.fromEntries(pairs);
        const text = JSON.stringify(value);
        expect(JSON.stringify(parseJson(text))).toBe(text);
      }),
      { numRuns: 5000 },
    );
  });

  test('a name is not taken for one with a backslash that was seen before it', () => {
    parseJson('{"h":[],"\\\\":0}');
    expect(parseJson('{"h":1,"\\n":2}')).toEqual({ h: 1, '\n': 2 });
    expect(parseJson('{"a":"\\n","\\n" \t\n                              :1}')).toEqual({ a: '\n', '\n': 1 });
    expect(parseJson('{"a":1,"\\n":1,"a":2}'), 'as Node does').toEqual({ '\n': 1, a: 2 });
    expect(parseJson('{"__proto__":1,"\\u0041":"\\ud83d\\ude00"}')).toEqual(
      Object.fromEntries([
        ['__proto__', 1],
        ['A', '😀'],
      ]),
    );
  });

  test.each(['', '{', '{"a":"\\x"}', '{"\\n":1', '{"\\n":1} x', '["\\n",]', "{'\\n':1}", '{"\\n":01}', '"a\nb\\n"'])(
    'what is no JSON is a SyntaxError: %j',
    (text) => {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    },
  );
});
