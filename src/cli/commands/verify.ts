/** `lifeboat verify [id]`: in this process, so that it works with Temporal dead. */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { ProgressState } from '../../domain/progress.ts';
import { damagedIn, verifyHere, type VerifiedHere } from '../../operations/verify/verify-here.ts';
import type { Reread } from '../../repository/check/reread.ts';
import { listOf, withParts } from '../context.ts';
import { commandOf, withConfig, type GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { exit } from '../exit.ts';
import { movedText } from '../output/progress.ts';
import { isScreen, redrawOn, defaultColumns } from '../output/redraw.ts';
import { plural } from '../../domain/plural.ts';
import { wrap } from '../output/wrap.ts';

export interface VerifyOptions {
  readonly components?: readonly string[];
  readonly from?: string;
  /** Every pack and index too, not only those of the point. */
  readonly all?: boolean;
}

export async function verify(globals: GlobalOptions, id: string, options: VerifyOptions): Promise<void> {
  const components = listOf(options.components);
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
  const seconds = (): number => (performance.now() - began) / 1000;
  try {
    await withParts(globals, async ({ repository: open, driver }) => {
      const repository = await open(undefined, options.from);
      const verified = await verifyHere({
        repository,
        // The copy says what it holds also where the repository is lost.
        own: options.from === undefined ? repository : await open().catch(() => undefined),
        place: options.from ?? 'repository',
        driver,
        at: id,
        components,
        everything: options.all === true,
        onProgress: (state) => progress(seconds(), state),
        signal: stop.signal,
      });
      for (const component of verified.result.uninspected)
        say(`component \`${component}\` is not configured any more: its structure was not inspected`);
      show(globals, verified, seconds());
    });
  } catch (error) {
    if (!interrupted) throw error;
    say((error as Error).message);
    process.exitCode = exit.interrupted;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

function show(globals: GlobalOptions, verified: VerifiedHere, seconds: number): void {
  const { result, damaged, gone, warnings, rest, isWell } = verified;
  if (globals.output === 'json') printJson({ ...result, damaged, gone, warnings, reread: countsOf(rest), seconds });
  else {
    const tell = (mark: string, texts: readonly string[]): void =>
      texts.forEach((text) => print(wrap(`${mark} ${text}`, defaultColumns, '  ')));
    tell('note   ', result.notes);
    tell('DAMAGED', [...result.problems, ...damaged]);
    tell(
      'GONE   ',
      gone.map((text) => withConfig(globals, text)),
    );
    tell(
      'WARN   ',
      warnings.map((text) => withConfig(globals, text)),
    );
    const verdict = result.ok ? 'ok' : plural(result.problems.length, 'problem');
    print(
      `recovery point ${result.id}: ${verdict} (${result.levels.join(', ')}), ${plural(result.objects, 'object')}, ${formatBytes(result.bytes)}, ${formatDuration(seconds)}`,
    );
    if (rest !== undefined) print(`beside it: ${restText(rest)}`);
  }
  if (!result.ok)
    say(
      `  hint: choose another recovery point with \`${commandOf(globals, 'backups list')}\`, and make a new one with \`${commandOf(globals, 'backups run')}\``,
    );
  if (!isWell) process.exitCode = exit.failed;
  else if (warnings.length > 0) process.exitCode = exit.degraded;
}

function restText(rest: Reread): string {
  const { objects, documents } = rest;
  const damaged = damagedIn(rest).length;
  const verdict = damaged === 0 ? 'ok' : `${damaged} damaged`;
  return `${verdict}, ${plural(objects, 'object')} of data and WAL, ${plural(documents, 'document')}`;
}

function countsOf(rest: Reread | undefined): { readonly objects: number; readonly documents: number } | null {
  return rest === undefined ? null : { objects: rest.objects, documents: rest.documents };
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
