/** What every command does that starts a run: it says the id at once, then shows the progress until the end. */
import type { Client } from '@temporalio/client';
import { runUrl } from '../client/temporal/connection.ts';
import { startRun } from '../client/start-run.ts';
import type { Appliance } from '../domain/appliance.ts';
import type { InputOf } from '../inputs/workflow-inputs.ts';
import type { ResultOf, StartedType } from '../../workflows/messages.ts';
import { commandOf, type GlobalOptions } from './globals.ts';
import { onInterrupt } from './interrupt.ts';
import { print, say } from './output/speak.ts';
import { goesOn, mayGoOn, watchRun } from './watch.ts';

export interface StartedRun<T extends StartedType> {
  readonly globals: GlobalOptions;
  readonly appliance: Appliance;
  readonly client: Client;
  /** Type of the workflow. */
  readonly type: T;
  readonly input: InputOf<T>;
  readonly summary: string;
  readonly detach?: boolean | undefined;
  readonly idempotencyKey?: string | undefined;
  /** See StartOptions of `startRun`. */
  readonly mayStart?: () => Promise<void>;
}

/** The run's result; undefined where nobody waits for it. Who interrupts is told how to look again. */
export async function startAndWatch<T extends StartedType>(run: StartedRun<T>): Promise<ResultOf<T> | undefined> {
  const { globals, appliance, client } = run;
  const workflowId = await startTelling(run);
  if (run.detach !== true)
    return watchRun<ResultOf<T>>(client, appliance, workflowId, { again: watchCommand(globals, workflowId) });
  print(workflowId);
  return undefined;
}

/** The command that shows a run again. */
export function watchCommand(globals: GlobalOptions, workflowId: string): string {
  return commandOf(globals, `restore watch ${workflowId}`);
}

/** Starts it and says its id; who interrupts meanwhile is told how to look again. */
export async function startTelling<T extends StartedType>(run: StartedRun<T>): Promise<string> {
  const { globals, appliance, client, type, input, summary, idempotencyKey, mayStart } = run;
  let again = '';
  let stopListening = (): void => undefined;
  const listen = (tell: () => void): void => {
    const stopBefore = stopListening;
    stopListening = onInterrupt(tell);
    stopBefore();
  };
  const listener = {
    onAsked(id: string): void {
      again = watchCommand(globals, id);
      listen(() => mayGoOn(id, again));
    },
    onStarted(id: string): void {
      // First: who has read the id may interrupt.
      listen(() => goesOn(id, again));
      say(`${id}\n  ${runUrl(appliance, id)}`);
    },
  };
  const starting = startRun(client, appliance, type, input, {
    summary,
    idempotencyKey,
    ...(mayStart === undefined ? {} : { mayStart }),
    listener,
  });
  return (await starting.finally(() => stopListening())).workflowId;
}
