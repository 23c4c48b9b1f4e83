/** Breaks text at blanks, never inside back-ticks: what stands there is to be copied. Pure. */

/**
 * Further lines begin with `indent` unless they are indented. `columns` undefined (nobody looks at it on a screen) breaks
 * no line.
 */
export function wrap(text: string, columns: number | undefined, indent = ''): string {
  const lines = text.split('\n').map((line, index) => (index === 0 || /^\s|^$/.test(line) ? line : indent + line));
  if (columns === undefined) return lines.join('\n');
  // A further line is an item of its own: what goes on below it stands deeper than where the next one begins.
  return lines.map((line, index) => wrapLine(line, columns, index === 0 ? indent : `${blanksOf(line)}  `)).join('\n');
}

const blanksOf = (line: string): string => /^\s*/.exec(line)?.[0] ?? '';

function wrapLine(text: string, columns: number, indent: string): string {
  if (text.length <= columns) return text;
  const lines: string[] = [];
  let line = '';
  // A word with the blanks before it: columns that were set by blanks stay.
  for (const word of text.match(/\s*(?:`[^`]*`|\S)+/g) ?? []) {
    // A line of its own is no gain for a word that begins no further to the right than there.
    const fits = line.trim() === '' || line.length + word.length <= columns || line.length < indent.length;
    if (fits) line += word;
    else {
      lines.push(line);
      line = `${indent}${word.trimStart()}`;
    }
  }
  return [...lines, line].join('\n');
}
