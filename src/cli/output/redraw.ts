/** Lines that are drawn over and over on a terminal. Talks on stderr: stdout belongs to data. */

export const defaultColumns = 80;
const defaultRows = 24;

export interface Redraw {
  show(lines: readonly string[]): void;
  /** Leaves what was drawn last. */
  end(): void;
}

export function redrawOn(stream: NodeJS.WriteStream): Redraw {
  let drawn = 0;
  return {
    show(lines) {
      // Cursor to the first drawn line, clear to the end of the screen, draw again.
      const up = drawn === 0 ? '' : `\u001b[${drawn}A\r\u001b[J`;
      const fitting = lines.slice(0, Math.max(1, (stream.rows || defaultRows) - 1));
      stream.write(`${up}${fitting.join('\n')}\n`);
      drawn = fitting.length;
    },
    end() {
      drawn = 0;
    },
  };
}

/** Whether lines can be drawn anew: not where the terminal calls itself `dumb`, as that of an editor does. */
export function isScreen(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && process.env.TERM !== 'dumb';
}

/**
 * Columns of a terminal, or what COLUMNS asks for elsewhere; undefined where nobody says: then nothing is wrapped or cut.
 */
export function columnsOf(stream: NodeJS.WriteStream): number | undefined {
  // A terminal that nobody gave a size (in a container, under `script`) says 0.
  if (stream.isTTY) return stream.columns || defaultColumns;
  const asked = Number(process.env.COLUMNS ?? '');
  return Number.isInteger(asked) && asked > 0 ? asked : undefined;
}
