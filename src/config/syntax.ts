/** What keeps lifeboat.yaml from being read as one document of YAML, a problem a line. */
import { visit, type Document, type LineCounter, type YAMLParseError } from 'yaml';
import type { Problem } from './explain.ts';

export function syntaxProblems(text: string, document: Document.Parsed, lines: LineCounter): Problem[] {
  // oxlint-disable-next-line no-control-regex -- they are what no text holds.
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.exec(text);
  // Nothing of it is repeated: a terminal would obey it.
  if (control !== null) return [{ line: lines.linePos(control.index).line, path: '', message: 'is no text' }];
  const problems = [
    ...document.errors.map((error) => ({ at: error.pos[0], message: messageOf(error) })),
    ...aliasesWithoutAnchor(document),
  ].map(({ at, message }) => ({ line: lines.linePos(at).line, path: '', message }));
  // What follows on a line comes of the first.
  return problems.filter(({ line }, index) => problems.findIndex((each) => each.line === line) === index);
}

const quoteIt = 'a value that begins with `*` must stand in quotes';

function messageOf({ code, message }: YAMLParseError): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here; there may be one';
  return /\balias\b/i.test(message) ? `${message}; ${quoteIt}` : message;
}

function aliasesWithoutAnchor(document: Document.Parsed): { readonly at: number; readonly message: string }[] {
  const found: { at: number; message: string }[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      const message = `\`*${alias.source}\` refers to no anchor above it; ${quoteIt}`;
      found.push({ at: alias.range?.[0] ?? 0, message });
    },
  });
  return found;
}
