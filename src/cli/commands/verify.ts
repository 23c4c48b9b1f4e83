/** `lifeboat verify [id]`: in this process, so that it works with Temporal dead. */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { ProgressState } from '../../domain/progress.ts';
import { lookAround } from '../../operations/verify/look-around.ts';
import { lostFailureText } from '../../operations/verify/lost-proofs.ts';
import { brokenTexts, refute, refuteChains } from '../../operations/verify/refute.ts';
import { whyUnmoved } from '../../operations/verify/place.ts';
import { verifyPoint } from '../../operations/verify/recovery-point.ts';
import type { Reread, RereadOptions } from '../../repository/check/reread.ts';
import { layout } from '../../repository/layout.ts';
import type { Repository } from '../../repository/repository.ts';
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
  const reading = {
    onProgress: (state: ProgressState) => progress(seconds(), state),
    signal: stop.signal,
  };
  try {
    await withParts(globals, async ({ repository: open, driver }) => {
      const repository = await open(undefined, options.from);
      const result = await verifyPoint({
        repository,
        at: id,
        components,
        levels: ['L1', 'L3'],
        driver,
        ...reading,
        orThrow: false,
      });
      const around = await lookAround({
        repository,
        // The copy says what it holds also where the repository is lost.
        own: options.from === undefined ? repository : await open().catch(() => undefined),
        place: options.from ?? 'repository',
      });
      const isOfAll = options.all === true || (id === 'newest' && components.length === 0);
      const rest = isOfAll ? await readRest(repository, options.all === true, reading) : undefined;
      if (rest !== undefined) await refute(repository, rest, result.id);
      // What can be restored is read from the names of archived WAL: what is damaged must not promise anything.
      const unmoved = await whyUnmoved(async () => repository.quarantineWal(rest?.damagedWal ?? []));
      for (const component of result.uninspected)
        say(`component \`${component}\` is not configured any more: its structure was not inspected`);
      // The point itself has just been told of.
      const chains = around.chains.filter((broken) => broken.id !== result.id);
      await refuteChains(repository, chains);
      const damaged = [
        ...around.unreadable,
        ...chains.flatMap(brokenTexts),
        ...(rest === undefined ? [] : damagedIn(rest)),
        ...unmoved,
      ];
      // What this verification has just read again it tells itself.
      const failures = around.failures.filter((failure) => failure.id !== result.id);
      const gone = [...around.lost, ...failures.map(lostFailureText)];
      const isWell = result.ok && damaged.length + gone.length === 0;
      const warnings = [...around.gaps, ...around.scripts.problems, ...around.scripts.notes];
      if (globals.output === 'json')
        printJson({ ...result, damaged, gone, warnings, reread: countsOf(rest), seconds: seconds() });
      else {
        result.notes.forEach((note) => print(wrap(`note    ${note}`, defaultColumns, '  ')));
        [...result.problems, ...damaged].forEach((problem) => print(wrap(`DAMAGED ${problem}`, defaultColumns, '  ')));
        gone.forEach((text) => print(wrap(`GONE    ${withConfig(globals, text)}`, defaultColumns, '  ')));
        warnings.forEach((text) => print(wrap(`WARN    ${withConfig(globals, text)}`, defaultColumns, '  ')));
        const verdict = result.ok ? 'ok' : plural(result.problems.length, 'problem');
        print(
          `recovery point ${result.id}: ${verdict} (${result.levels.join(', ')}), ${plural(result.objects, 'object')}, ${formatBytes(result.bytes)}, ${formatDuration(seconds())}`,
        );
        if (rest !== undefined) print(`beside it: ${restText(rest)}`);
      }
      if (!result.ok)
        say(
          `  hint: choose another recovery point with \`${commandOf(globals, 'backups list')}\`, and make a new one with \`${commandOf(globals, 'backups run')}\``,
        );
      if (!isWell) process.exitCode = exit.failed;
      else if (warnings.length > 0) process.exitCode = exit.degraded;
    });
  } catch (error) {
    if (!interrupted) throw error;
    say((error as Error).message);
    process.exitCode = exit.interrupted;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** Archived WAL and documents, of which no check of a point reads all; packs and indexes of other points only where that is asked. */
async function readRest(
  repository: Repository,
  everything: boolean,
  reading: Pick<RereadOptions, 'onProgress' | 'signal'>,
): Promise<Reread> {
  const all = { shares: [0], of: 1 } as const;
  return repository.reread({
    shares: everything ? all.shares : [],
    of: all.of,
    walShares: all.shares,
    walOf: all.of,
    documentShares: all.shares,
    documentOf: all.of,
    ...reading,
  });
}

function damagedIn({ damagedPacks, damagedIndexes, damagedWal, damagedDocuments }: Reread): string[] {
  return [...damagedPacks.map((id) => layout.pack(id)), ...damagedIndexes, ...damagedWal, ...damagedDocuments];
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
