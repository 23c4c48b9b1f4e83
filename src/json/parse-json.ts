/**
 * Parses JSON in which any text may be a name. The `JSON.parse` of Node 24 and 26 gives some names wrongly once an object
 * with a backslash in a name has been seen (https://github.com/nodejs/node/issues/63785): the text `{"\n":1}` then has the
 * name `\`. A name without an escape is never wrong, so Node parses all texts without such a name.
 */
import { createRequire } from 'node:module';
import type * as LosslessJson from 'lossless-json';

const quote = '"'.charCodeAt(0);
const backslash = '\\'.charCodeAt(0);

/** SyntaxError where the text is no JSON; RangeError where it is nested some thousand levels deep beside an escaped name. */
export function parseJson(text: string): unknown {
  if (!text.includes('\\') || !hasEscapedName(text)) return JSON.parse(text);
  // As Node does, the last of several values of one name counts.
  return slowParser().parse(text, undefined, { parseNumber: Number, onDuplicateKey: ({ newValue }) => newValue });
}

/** A string before a colon is a name. */
function hasEscapedName(text: string): boolean {
  const colon = /\s*:/y;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) {
    let isEscaped = false;
    for (at += 1; at < text.length && text.charCodeAt(at) !== quote; at += 1) {
      if (text.charCodeAt(at) !== backslash) continue;
      isEscaped = true;
      at += 1;
    }
    colon.lastIndex = at + 1;
    if (isEscaped && colon.test(text)) return true;
  }
  return false;
}

/** Loaded when it is needed first, which is never in most processes. */
function slowParser(): typeof LosslessJson {
  return createRequire(import.meta.url)('lossless-json') as typeof LosslessJson;
}
