/** Turns a schema problem into `file:line: what is wrong there`. */
import { isMap, isPair, isScalar, type Document, type LineCounter, type Node } from 'yaml';
import type { z } from 'zod';

export interface Problem {
  readonly line: number;
  readonly path: string;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

export function explainIssues(issues: readonly Issue[], document: Document, lines: LineCounter): Problem[] {
  return issues.flatMap((issue) => explainIssue(issue, [], document, lines)).sort((a, b) => a.line - b.line);
}

function explainIssue(issue: Issue, prefix: readonly PropertyKey[], document: Document, lines: LineCounter): Problem[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      line: lineOf([...path, key], document, lines),
      path: [...path, key].join('.'),
      message: `unknown key \`${key}\``,
    }));
  }
  // Of a union, the branch that came furthest says what the writer most likely meant.
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const nearest = [...issue.errors].sort((a, b) => depthOf(b) - depthOf(a))[0];
    if (nearest !== undefined && depthOf(nearest) > 0) {
      return nearest.flatMap((inner) => explainIssue(inner, path, document, lines));
    }
  }
  const value = document.getIn(path.filter(isKey));
  const given = ['string', 'number', 'boolean'].includes(typeof value) ? `, not ${shown(value, issue)}` : '';
  return [{ line: lineOf(path, document, lines), path: path.join('.'), message: `must be ${wanted(issue)}${given}` }];
}

/** A number in quotes looks like a number: what is wrong with it is that it is a text. */
function shown(value: unknown, issue: Issue): string {
  const text = `\`${String(value as string)}\``;
  return issue.code === 'invalid_type' && typeof value === 'string' ? `the text ${text}` : text;
}

function wanted(issue: Issue): string {
  if (issue.code === 'invalid_type' && issue.input === undefined) return `given (${issue.expected})`;
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input'))
    return `${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`;
  if (issue.code === 'invalid_union' && 'options' in issue && Array.isArray(issue.options)) {
    return `one of ${issue.options.map((value) => `\`${String(value)}\``).join(', ')}`;
  }
  if (issue.code === 'invalid_value') return `one of ${issue.values.map((value) => `\`${String(value)}\``).join(', ')}`;
  return issue.message.replace(/^Invalid input: /, '');
}

function depthOf(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)));
}

const isKey = (part: PropertyKey): part is string | number => typeof part !== 'symbol';

/** The line of the deepest part of the path that exists in the file, 1-based. */
export function lineOf(path: readonly PropertyKey[], document: Document, lines: LineCounter): number {
  const keys = path.filter(isKey);
  for (let depth = keys.length; depth > 0; depth -= 1) {
    const parent = document.getIn(keys.slice(0, depth - 1), true);
    const key = keys[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
      );
      const range = (pair?.key as Node | undefined)?.range;
      if (range) return lines.linePos(range[0]).line;
    }
    const node = document.getIn(keys.slice(0, depth), true) as Node | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
