/**
 * Parses JSON in which any text may be a name. The `JSON.parse` of Node 24 and 26 gives some names wrongly once an object
 * with a backslash in a name has been seen (https://github.com/nodejs/node/issues/63785): the text `{"\n":1}` then has the
 * name `\`. A name without an escape is never wrong, and almost no text has one, so all others are parsed by Node.
 */
import { createRequire } from 'node:module';
import type * as LosslessJson from 'lossless-json';

/** SyntaxError where the text is no JSON, or gives one name two values beside an escape. */
export function parseJson(text: string): unknown {
  if (!text.includes('\\')) return JSON.parse(text);
  const { parse } = slowParser();
  return parse(text, undefined, Number);
}

/** Loaded when it is needed first, which is never in most processes. */
function slowParser(): typeof LosslessJson {
  return createRequire(import.meta.url)('lossless-json') as typeof LosslessJson;
}
