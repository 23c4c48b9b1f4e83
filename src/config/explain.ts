/** Turns a schema problem into `file:line: what is wrong there`. */
import { isMap, isPair, isScalar, isSeq, type Document, type LineCounter, type Node } from 'yaml';
import type { z } from 'zod';

export interface Problem {
  readonly line: number;
  readonly path: string;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

export function explainIssues(issues: readonly Issue[], document: Document, lines: LineCounter): Problem[] {
  const problems = issues.flatMap((issue) => explainIssue(issue, [], document, lines));
  // Of several about one value the first is of its type.
  const firsts = problems.filter(({ path }, index) => problems.findIndex((each) => each.path === path) === index);
  return firsts.sort((a, b) => a.line - b.line);
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
  if (issue.code === 'invalid_key') {
    const name = issue.issues[0]?.message ?? 'another one';
    return [{ line: lineOf(path, document, lines), path: path.join('.'), message: `its name must be ${name}` }];
  }
  if (issue.code === 'invalid_union') {
    const meant = meantBranch(issue.errors);
    if (meant !== undefined) return meant.flatMap((inner) => explainIssue(inner, path, document, lines));
  }
  const isAbsent = !document.hasIn(path.filter(isKey)) && path.length > 0;
  const message = isAbsent
    ? `is required: ${issue.message}`
    : `must be ${issue.message}${given(issue, path, document)}`;
  return [{ line: lineOf(path, document, lines), path: path.join('.'), message }];
}

/** The only branch of a union that knows every key that was given, and lacks none: what is wrong lies deeper in it. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const meant = branches.filter((issues) =>
    issues.every(
      ({ code, path, input }) =>
        path.length > 0 && (path.length > 1 || code === 'invalid_union' || input !== undefined),
    ),
  );
  return meant.length === 1 ? meant[0] : undefined;
}

/** `, not …`: what stands there. A number in quotes looks like a number: what is wrong with it is that it is a text. */
function given(issue: Issue, path: readonly PropertyKey[], document: Document): string {
  const value: unknown = document.getIn(path.filter(isKey));
  // What was checked as a whole is of the right type.
  if (issue.code === 'custom' && (isMap(value) || isSeq(value))) return '';
  if (value === null || value === undefined) return ', not empty';
  if (value === '') return ', not an empty text';
  if (isMap(value)) return value.items.length === 0 ? ', not an empty map' : ', not this map';
  if (isSeq(value)) return value.items.length === 0 ? ', not an empty list' : ', not a list';
  const text = `\`${String(value as string)}\``;
  return `, not ${issue.code === 'invalid_type' && typeof value === 'string' ? `the text ${text}` : text}`;
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
