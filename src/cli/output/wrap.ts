/** Breaks text at blanks, never inside back-ticks: what stands there is to be copied. Pure. */

/** `columns` undefined (no terminal) leaves the text as it is; further lines begin with `indent` unless they are indented. */
export function wrap(text: string, columns: number | undefined, indent = ''): string {
  if (columns === undefined) return text;
  const lines = text.split('\n').map((line, index) => (index === 0 || /^\s|^$/.test(line) ? line : indent + line));
  return lines.map((line) => wrapLine(line, columns, indent)).join('\n');
}

function wrapLine(text: string, columns: number, indent: string): string {
  if (text.length <= columns) return text;
  const lines: string[] = [];
  let line = '';
  // A word with the blanks before it: columns that were set by blanks stay.
  for (const word of text.match(/\s*(?:`[^`]*`|\S)+/g) ?? []) {
    if (line.trim() === '' || line.length + word.length <= columns) line += word;
    else {
      lines.push(line);
      line = `${indent}${word.trimStart()}`;
    }
  }
  return [...lines, line].join('\n');
}
