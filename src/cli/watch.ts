/** Watches a run until it ends. Ctrl-C leaves the run alone: it goes on, and its id is printed. */
import type { Client } from '@temporalio/client';
import { isUnreachable } from '../client/temporal/connection.ts';
import { resultOf, snapshot, type RunSnapshot } from '../client/runs.ts';
import { hasWorker, noWorkerText, workerHint } from '../client/temporal/workers.ts';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import { say, sayCommand } from './output/speak.ts';
import { onInterrupt } from './interrupt.ts';
import { columnsOf, isScreen, redrawOn, defaultColumns } from './output/redraw.ts';
import { runLog } from './output/run-log.ts';
import { runScreen } from './output/run-screen.ts';

const defaultPollMs = 1000;

/** A restarted server or worker is back within seconds; one that is not is worth an answer. */
const defaultPatienceMs = 60_000;

export interface WatchOptions {
  /** The command that shows the run again. */
  readonly again?: string;
  /** How long nobody may answer. */
  readonly patienceMs?: number;
  /** The server ends with this process, which listens to Ctrl-C itself: nothing goes on. By default the run does. */
  readonly endsWithUs?: boolean;
}

/** The result; throws the run's failure, or Unreachable where neither server nor worker come back. On Ctrl-C the process ends with 130. */
export async function watchRun<T>(
  client: Client,
  appliance: Appliance,
  workflowId: string,
  options: WatchOptions = {},
): Promise<T> {
  const until = async ({ status }: RunSnapshot): Promise<{ readonly result: T } | undefined> =>
    status === 'RUNNING' ? undefined : { result: await resultOf<T>(client.workflow.getHandle(workflowId)) };
  return (await watchUntil(client, appliance, workflowId, until, options)).result;
}

/** Shows the run until `until` gives what is waited for. */
export async function watchUntil<T extends object | string>(
  client: Client,
  appliance: Appliance,
  workflowId: string,
  until: (run: RunSnapshot) => Promise<T | undefined>,
  {
    again = `lifeboat restore watch ${workflowId}`,
    patienceMs = defaultPatienceMs,
    endsWithUs = false,
    pollMs = defaultPollMs,
    onInterrupted = () => goesOn(workflowId, again),
  }: WatchOptions & { readonly pollMs?: number; readonly onInterrupted?: () => void | Promise<void> } = {},
): Promise<T> {
  const view = runView();
  let isLeft = false;
  const tell = async (): Promise<void> => {
    isLeft = true;
    view.end();
    await onInterrupted();
  };
  const stopListening = endsWithUs ? () => undefined : onInterrupt(tell);
  let lostAt: number | undefined;
  let idleAt: number | undefined;
  try {
    for (;;) {
      try {
        const run = await snapshot(client, workflowId);
        if (!isLeft) view.show(run);
        const found = isLeft ? undefined : await until(run);
        if (found !== undefined) return found;
        if (run.view !== undefined || (await hasWorker(client, appliance))) idleAt = undefined;
        else idleAt ??= Date.now();
        lostAt = undefined;
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        lostAt ??= Date.now();
        view.lost(lostAt);
        if (Date.now() - lostAt > patienceMs) throw serverIsGone(workflowId, again, error);
      }
      if (idleAt !== undefined && Date.now() - idleAt > patienceMs) throw workerIsGone(appliance, workflowId, again);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } finally {
    view.end();
    stopListening();
  }
}

/** It was asked for, and nobody has answered yet. */
export function mayGoOn(workflowId: string, again: string): void {
  if (process.stderr.isTTY) say('');
  say(`${workflowId} may have been started, and then goes on; see it with`);
  sayCommand(again);
}

/** The run goes on; the line that Ctrl-C left on a terminal ends first. */
export function goesOn(workflowId: string, again: string): void {
  if (process.stderr.isTTY) say('');
  say(`${workflowId} goes on; see it with`);
  sayCommand(again);
}

function serverIsGone(workflowId: string, again: string, cause: unknown): LifeboatError {
  return new LifeboatError('Unreachable', `Temporal does not answer any more; ${workflowId} goes on once it does`, {
    hint: `start the server again, then \`${again}\``,
    cause,
  });
}

function workerIsGone(appliance: Appliance, workflowId: string, again: string): LifeboatError {
  return new LifeboatError('Unreachable', `${noWorkerText(appliance)}; ${workflowId} goes on once one runs`, {
    hint: `${workerHint}, then \`${again}\``,
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
        last = runScreen(run, new Date(), (columnsOf(stream) ?? defaultColumns) - 1);
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
