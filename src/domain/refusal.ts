/** How a refused input is told: what is wrong, the value, and one that is right. Pure. */
import { nearest } from './nearest.ts';

/** Temporal keeps 4 kB of a failure. */
const longestValue = 80;
const maxProblems = 10;

/** A key that nobody reads would be ignored: what it was meant to limit would then not be limited. */
export function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const help =
    meant === undefined ? `known are ${known.map((each) => `\`${each}\``).join(', ')}` : `did you mean \`${meant}\`?`;
  return `unknown key \`${shortened(key)}\` (${help})`;
}

/** `must be a list of component ids, not the text `files``. `wanted` is the type's name in the reference. */
export function wrongValue(path: string, wanted: string, value: unknown): string {
  return `${path === '' ? 'it' : `\`${path}\``} must be ${withArticle(wanted)}, not ${valueText(value)}`;
}

/** Temporal's own command line sends one for each `--input`: what the second limits would not be limited. */
export function severalInputs(count: number): string {
  return `it is one input, and ${count} were given`;
}

/** One text with every problem. `what` was refused, for example the workflow's type. */
export function refusalText(what: string, problems: readonly string[], example: object): string {
  const more = problems.length - maxProblems;
  const told = [...problems.slice(0, maxProblems), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
  return `\`${what}\` does not take this input: ${told}. Nothing was done. Example: ${JSON.stringify(example)}`;
}

function withArticle(name: string): string {
  if (name.startsWith('`')) return name;
  return `${/^[aeio]/i.test(name) ? 'an' : 'a'} ${name}`;
}

function valueText(value: unknown): string {
  if (value === '') return 'an empty text';
  if (typeof value === 'string') return `the text \`${shortened(value)}\``;
  if (typeof value === 'number') return `the number ${value}`;
  const kind = Array.isArray(value) ? 'the list ' : typeof value === 'object' && value !== null ? 'the object ' : '';
  return `${kind}\`${shortened(JSON.stringify(value) ?? 'undefined')}\``;
}

function shortened(text: string): string {
  return text.length <= longestValue ? text : `${text.slice(0, longestValue)}…`;
}
