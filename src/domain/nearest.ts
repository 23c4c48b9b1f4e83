/** The known word that somebody most likely meant. Pure. */

/** Undefined where none is near: a third of its letters may differ. Capitals do not count. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const written = word.toLowerCase();
  const ranked = known.flatMap((each) => {
    const most = Math.max(1, Math.floor(each.length / 3));
    // So much longer or shorter, it cannot be near: what somebody writes may be as long as a book.
    if (Math.abs(each.length - written.length) > most) return [];
    const steps = stepsBetween(written, each.toLowerCase());
    return steps <= most ? [{ each, steps }] : [];
  });
  return ranked.sort((a, b) => a.steps - b.steps)[0]?.each;
}

/** How many letters must be added, left out, exchanged, or swapped with the next one. */
function stepsBetween(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= from.length; row += 1) {
    const steps = [row];
    rows.push(steps);
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      steps.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (isSame ? 0 : 1),
          isSwapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(from.length, to.length);
}
