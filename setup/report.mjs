/** What set-up tells on stderr: a line per step while it works, a table at the end. */
import { interrupted } from './interruption.mjs';

const rows = [];

/**
 * Runs one step under its own line. `work` may call `say(text)` to tell what it does at the moment and returns
 * `{ready, megabytes}`: whether there was nothing to do, and what was put on the disk.
 */
export async function reportStep(title, work) {
  const begun = performance.now();
  process.stderr.write(`${title}: `);
  try {
    const { ready = false, megabytes, detail } = await work((text) => process.stderr.write(`${text} … `));
    const seconds = (performance.now() - begun) / 1000;
    rows.push({ title, seconds, megabytes: ready ? undefined : megabytes });
    process.stderr.write(
      `${ready ? 'ready' : `done in ${seconds.toFixed(1)} s${sizeText(megabytes)}`}${detail ? ` (${detail})` : ''}\n`,
    );
  } catch (error) {
    process.stderr.write(interrupted.aborted ? 'interrupted\n' : 'failed\n');
    throw error;
  }
}

export function printTable() {
  if (rows.length === 0) return;
  const width = Math.max(...rows.map((row) => row.title.length), 5);
  const line = (title, seconds, megabytes) =>
    `${title.padEnd(width)}  ${seconds.padStart(8)}  ${megabytes.padStart(6)}\n`;
  const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
  const megabytes = rows.reduce((sum, row) => sum + (row.megabytes ?? 0), 0);
  process.stderr.write(`\n${line('set-up', 'seconds', 'MB')}`);
  for (const row of rows)
    process.stderr.write(line(row.title, row.seconds.toFixed(1), row.megabytes?.toFixed(0) ?? '-'));
  process.stderr.write(`${line('total', seconds.toFixed(1), megabytes.toFixed(0))}\n`);
}

function sizeText(megabytes) {
  return megabytes === undefined ? '' : `, ${megabytes.toFixed(0)} MB`;
}
