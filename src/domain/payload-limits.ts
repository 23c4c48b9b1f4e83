/**
 * What JSON that anybody may send must keep to, so that whoever took it can hand it on: it is looked at before and after it is
 * parsed, because a list in a list in a list is parsed at any depth and written only to some. Pure.
 */

/** Inputs have 2 levels, plans and reports some 10. */
export const deepestJson = 100;

/**
 * Bytes. Temporal takes 2 MiB of each payload, also of those in which a run hands on what it was given: there a number may be
 * longer (`1e20`), and a reason stands beside other things.
 */
export const longestSent = 256 * 1024;

/** Whether lists and objects lie in one another deeper than that. */
export function isTooDeep(json: string): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const letter = json[at];
    if (letter === '"') at = endOfText(json, at);
    else if (letter === '[' || letter === '{') depth += 1;
    else if (letter === ']' || letter === '}') depth -= 1;
    if (depth > deepestJson) return true;
  }
  return false;
}

/** Position of the quote that ends the text which begins at `from`. */
function endOfText(json: string, from: number): number {
  for (let at = from + 1; at < json.length; at++) {
    if (json[at] === '\\') at += 1;
    else if (json[at] === '"') return at;
  }
  return json.length;
}

/** `1e999` is read as infinite, and would be written as `null`: nobody would see that something else was meant. */
export function hasInfinite(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(hasInfinite);
}
