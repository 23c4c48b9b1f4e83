/** Lines that are drawn over and over on a terminal. Talks on stderr: stdout belongs to data. */

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
      const fitting = lines.slice(0, Math.max(1, (stream.rows ?? 24) - 1));
      stream.write(`${up}${fitting.join('\n')}\n`);
      drawn = fitting.length;
    },
    end() {
      drawn = 0;
    },
  };
}

/** Columns of a terminal; undefined where the stream is none: then nothing is wrapped or cut. */
export function columnsOf(stream: NodeJS.WriteStream): number | undefined {
  return stream.isTTY ? (stream.columns ?? 80) : undefined;
}
