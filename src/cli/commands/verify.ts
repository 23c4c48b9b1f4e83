/** `lifeboat verify [id]`: in this process, so that it works with Temporal dead. */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { ProgressState } from '../../domain/progress.ts';
import { verifyPoint } from '../../operations/verify-point.ts';
import { listOf, withParts } from '../context.ts';
import { commandOf, type GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { exit } from '../exit.ts';
import { movedText } from '../output/progress.ts';
import { isScreen, redrawOn, usualColumns } from '../output/redraw.ts';
import { plural } from '../../domain/plural.ts';
import { wrap } from '../output/wrap.ts';

export async function verify(
  globals: GlobalOptions,
  id: string,
  options: { readonly components?: readonly string[]; readonly from?: string },
): Promise<void> {
  const stop = new AbortController();
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    stop.abort(
      new LifeboatError('Aborted', 'the verification was interrupted; nothing was changed', {
        hint: 'run it again: it begins anew',
      }),
    );
  };
  process.once('SIGINT', interrupt);
  const progress = progressOn(process.stderr);
  const began = performance.now();
  try {
    await withParts(globals, async ({ repository, driver }) => {
      const result = await verifyPoint({
        repository: await repository(undefined, options.from),
        at: id,
        components: listOf(options.components),
        levels: ['L1', 'L3'],
        driver,
        onProgress: (state) => progress((performance.now() - began) / 1000, state),
        signal: stop.signal,
        orThrow: false,
      });
      for (const component of result.uninspected)
        say(`component \`${component}\` is not configured any more: its structure was not inspected`);
      const seconds = (performance.now() - began) / 1000;
      if (globals.output === 'json') printJson({ ...result, seconds });
      else {
        result.notes.forEach((note) => print(wrap(`note    ${note}`, usualColumns, '  ')));
        result.problems.forEach((problem) => print(wrap(`DAMAGED ${problem}`, usualColumns, '  ')));
        const verdict = result.ok ? 'ok' : plural(result.problems.length, 'problem');
        print(
          `recovery point ${result.id}: ${verdict} (${result.levels.join(', ')}), ${plural(result.objects, 'object')}, ${formatBytes(result.bytes)}, ${formatDuration(seconds)}`,
        );
      }
      if (!result.ok) {
        say(
          `  hint: choose another recovery point with \`${commandOf(globals, 'backups list')}\`, and make a new one with \`${commandOf(globals, 'backups run')}\``,
        );
        process.exitCode = exit.failed;
      }
    });
  } catch (error) {
    if (!interrupted) throw error;
    say((error as Error).message);
    process.exitCode = exit.interrupted;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** Elsewhere than on a terminal a line every so often is enough. */
const logSeconds = 10;
const drawSeconds = 0.2;

function progressOn(stream: NodeJS.WriteStream): (seconds: number, state: ProgressState) => void {
  const screen = redrawOn(stream);
  let toldAt = 0;
  return (seconds, { phase, bytesDone, bytesTotal }) => {
    if (seconds - toldAt < (isScreen(stream) ? drawSeconds : logSeconds)) return;
    toldAt = seconds;
    const line = `  [>] ${phase}  ${movedText({ bytesDone, bytesTotal, bytesPerSecond: bytesDone / seconds })}`;
    if (isScreen(stream)) screen.show([line]);
    else stream.write(`${line}\n`);
  };
}
