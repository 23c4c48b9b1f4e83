/** Watches a run until it ends. Ctrl-C leaves the run alone: it goes on, and its id is printed. */
import type { Client } from '@temporalio/client';
import { isUnreachable } from '../client/connection.ts';
import { resultOf, snapshot, type RunSnapshot } from '../client/runs.ts';
import { LifeboatError } from '../domain/errors.ts';
import { say, sayCommand } from './output/speak.ts';
import { exit } from './exit.ts';
import { columnsOf, isScreen, redrawOn, usualColumns } from './output/redraw.ts';
import { runLog } from './output/run-log.ts';
import { runScreen } from './output/run-screen.ts';

const pollMs = 1000;

/** A restarted server is back within seconds; one that is not is worth an answer. */
const outageMs = 60_000;

export interface WatchOptions {
  /** The command that shows the run again. */
  readonly again: string;
}

/** The result; throws the run's failure. On Ctrl-C the process ends with 130. */
export async function watchRun<T>(
  client: Client,
  workflowId: string,
  options: WatchOptions = { again: `lifeboat restore watch ${workflowId}` },
): Promise<T> {
  const view = runView();
  const stopListening = onInterrupt(() => {
    view.end();
    goesOn(workflowId, options.again);
  });
  let lostAt: number | undefined;
  try {
    for (;;) {
      try {
        const run = await snapshot(client, workflowId);
        lostAt = undefined;
        view.show(run);
        if (run.status !== 'RUNNING') return await resultOf<T>(client.workflow.getHandle(workflowId));
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        lostAt ??= Date.now();
        view.lost(lostAt);
        if (Date.now() - lostAt > outageMs) throw gone(workflowId, options, error);
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } finally {
    view.end();
    stopListening();
  }
}

/** The run goes on; the line that Ctrl-C left on a terminal ends first. */
export function goesOn(workflowId: string, again: string): void {
  if (process.stderr.isTTY) say('');
  say(`${workflowId} goes on; see it with`);
  sayCommand(again);
}

/** Who has something to say on Ctrl-C, the newest last. */
const tellers: (() => void)[] = [];

/**
 * Ends the process with 130 on Ctrl-C, after `tell`. Returns what ends the telling. The signal itself is listened to until
 * the end: one that comes while the last listener goes and the next is not there yet would be lost.
 */
export function onInterrupt(tell: () => void): () => void {
  if (!process.listeners('SIGINT').includes(interrupted)) process.on('SIGINT', interrupted);
  tellers.push(tell);
  return () => void tellers.splice(tellers.indexOf(tell), 1);
}

function interrupted(): void {
  tellers.at(-1)?.();
  process.exit(exit.interrupted);
}

function gone(workflowId: string, { again }: WatchOptions, cause: unknown): LifeboatError {
  return new LifeboatError('Unreachable', `Temporal does not answer any more; ${workflowId} goes on once it does`, {
    hint: `start the server again, then \`${again}\``,
    cause,
  });
}

interface RunView {
  show(run: RunSnapshot): void;
  /** The server does not answer since then (milliseconds). */
  lost(since: number): void;
  end(): void;
}

function runView(): RunView {
  const stream = process.stderr;
  if (isScreen(stream)) {
    const screen = redrawOn(stream);
    let last: readonly string[] = [];
    return {
      show(run) {
        last = runScreen(run, new Date(), (columnsOf(stream) ?? usualColumns) - 1);
        screen.show(last);
      },
      lost: (since) =>
        screen.show([
          ...last,
          `  Temporal does not answer since ${Math.round((Date.now() - since) / 1000)} s; asks again`,
        ]),
      end: () => screen.end(),
    };
  }
  const log = runLog();
  let toldLost = false;
  return {
    show(run) {
      toldLost = false;
      log.news(run, new Date()).forEach((line) => stream.write(`${line}\n`));
    },
    lost() {
      if (!toldLost) stream.write('  Temporal does not answer; asks again\n');
      toldLost = true;
    },
    end: () => undefined,
  };
}
