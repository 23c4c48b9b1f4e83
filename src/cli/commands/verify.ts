/** `lifeboat verify [id]`: in this process, so that it works with Temporal dead. */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { verifyPoint } from '../../operations/verify-point.ts';
import { listOf, print, printJson, say, withParts, type GlobalOptions } from '../context.ts';
import { exit } from '../exit.ts';
import { redrawOn } from '../output/redraw.ts';
import { plural } from '../output/table.ts';

export async function verify(
  globals: GlobalOptions,
  id: string | undefined,
  options: { readonly components?: string },
): Promise<void> {
  const stop = new AbortController();
  const interrupt = (): void =>
    stop.abort(new LifeboatError('Aborted', 'verification was interrupted; nothing was changed'));
  process.once('SIGINT', interrupt);
  // Progress is drawn on a terminal only: in a log the result is enough.
  const view = process.stderr.isTTY ? redrawOn(process.stderr) : undefined;
  const began = performance.now();
  try {
    await withParts(globals, async ({ repository, driver }) => {
      const result = await verifyPoint({
        repository: await repository(),
        at: id ?? 'latest',
        components: listOf(options.components),
        levels: ['L1', 'L3'],
        driver,
        onProgress: ({ phase, bytesDone, bytesTotal }) =>
          view?.show([`  > ${phase} ${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`]),
        signal: stop.signal,
        orThrow: false,
      });
      view?.end();
      for (const id of result.uninspected)
        say(`component \`${id}\` is not configured any more: its structure was not inspected`);
      const seconds = (performance.now() - began) / 1000;
      if (globals.output === 'json') printJson({ ...result, seconds });
      else {
        result.problems.forEach((problem) => print(`DAMAGED ${problem}`));
        print(
          `recovery point ${result.id}: ${result.ok ? 'ok' : plural(result.problems.length, 'problem')} (${result.levels.join(', ')}), ${result.objects} objects, ${formatBytes(result.bytes)}, ${formatDuration(seconds)}`,
        );
      }
      if (!result.ok) {
        say(
          '  hint: choose another recovery point with `lifeboat backups list`, and make a new one with `lifeboat backups run`',
        );
        process.exitCode = exit.failed;
      }
    });
  } finally {
    process.off('SIGINT', interrupt);
  }
}
