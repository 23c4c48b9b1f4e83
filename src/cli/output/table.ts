/** Plain columns, readable without colour. Pure. */
import { defaultColumns } from './redraw.ts';
import { wrap } from './wrap.ts';

/** Less room than this makes no column: then lines are longer than the screen. */
const minColumns = 12;

/** Columns are as wide as their widest cell; the last one has what is left of 80 columns, and further lines where it needs more. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.slice(0, -1).map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const begin = widths.reduce((sum, width) => sum + width + 2, 0);
  const left = defaultColumns - begin;
  return all
    .map((row) => {
      const first = widths.map((width, column) => `${(row[column] ?? '').padEnd(width)}  `).join('');
      const last = row[widths.length] ?? '';
      return `${first}${left < minColumns ? last : indented(wrap(last, left), begin)}`;
    })
    .flatMap((text) => text.split('\n').map((line) => line.trimEnd()))
    .join('\n');
}

function indented(text: string, columns: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(columns)}`);
}
