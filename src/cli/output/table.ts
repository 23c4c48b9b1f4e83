/** Plain columns, readable without colour and within 80 columns. */

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd()).join('\n');
}

/** `[#####.....]  50 %`. */
export function bar(done: number, total: number, width = 12): string {
  if (total <= 0) return '.'.repeat(width);
  const filled = Math.min(width, Math.round((done / total) * width));
  return '#'.repeat(filled) + '.'.repeat(width - filled);
}
