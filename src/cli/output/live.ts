/** Shows changing lines: redrawn in place on a terminal, one line per change elsewhere. Talks on stderr. */

export interface LiveView {
  show(lines: readonly string[]): void;
  end(): void;
}

/** Elsewhere a line is repeated at most this often, so that a log stays readable. */
const quietMs = 5000;

export function liveView(stream: NodeJS.WriteStream = process.stderr): LiveView {
  return stream.isTTY ? terminalView(stream) : logView(stream);
}

function terminalView(stream: NodeJS.WriteStream): LiveView {
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

function logView(stream: NodeJS.WriteStream): LiveView {
  const told = new Map<string, number>();
  return {
    show(lines) {
      for (const line of lines) {
        // What has not begun is no news.
        if (line.startsWith('  [ ]')) continue;
        // Numbers change all the time; what a line is about does not.
        const topic = line.replace(/[\d.]+/g, '#').slice(0, 34);
        const last = told.get(topic);
        if (last !== undefined && Date.now() - last < quietMs) continue;
        if (last !== undefined && !/\[>\]|^ {2}> /.test(line)) continue;
        told.set(topic, Date.now());
        stream.write(`${line}\n`);
      }
    },
    end() {
      told.clear();
    },
  };
}
