/** Breaks text at blanks, never inside back-ticks: what stands there is to be copied. Pure. */

/** `columns` undefined (no terminal) leaves the text as it is; further lines begin with `indent`. */
export function wrap(text: string, columns: number | undefined, indent = ''): string {
  if (columns === undefined) return text;
  return text
    .split('\n')
    .map((line) => wrapLine(line, columns, indent))
    .join('\n');
}

function wrapLine(text: string, columns: number, indent: string): string {
  if (text.length <= columns) return text;
  const [first = '', ...rest] = wordsOf(text);
  const lines: string[] = [];
  let line = first;
  for (const word of rest) {
    if (line.length + 1 + word.length <= columns) line += ` ${word}`;
    else {
      lines.push(line);
      line = `${indent}${word}`;
    }
  }
  return [...lines, line].join('\n');
}

/** Leading blanks belong to the first word. */
function wordsOf(text: string): string[] {
  const [, margin = '', rest = ''] = /^(\s*)(.*)$/s.exec(text) ?? [];
  const words = rest.match(/(?:`[^`]*`|\S)+/g) ?? [];
  return words.map((word, index) => (index === 0 ? margin + word : word));
}

/** `…` in the middle: a path's end says more than its begin, and both say more than one. */
export function shorten(text: string, columns: number): string {
  if (text.length <= columns) return text;
  const kept = Math.max(2, columns - 1);
  const head = Math.floor(kept / 3);
  return `${text.slice(0, head)}…${text.slice(text.length - (kept - head))}`;
}
