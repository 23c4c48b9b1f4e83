/** Watches a run until it ends. Ctrl-C leaves the run alone: it goes on, and its id is printed. */
import type { Client } from '@temporalio/client';
import { resultOf, snapshot } from '../client/runs.ts';
import { say } from './context.ts';
import { exit } from './exit.ts';
import { liveView } from './output/live.ts';
import { progressLines } from './output/progress.ts';

const pollMs = 1000;

/** The result; throws the run's failure. On Ctrl-C the process ends with 130. */
export async function watchRun<T>(client: Client, workflowId: string): Promise<T> {
  const view = liveView();
  const interrupted = (): void => {
    view.end();
    say(`\n${workflowId} goes on; see it with \`lifeboat restore watch ${workflowId}\``);
    process.exit(exit.interrupted);
  };
  process.once('SIGINT', interrupted);
  try {
    for (;;) {
      const run = await snapshot(client, workflowId);
      view.show(progressLines(run, new Date()));
      if (run.status !== 'RUNNING') break;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    return await resultOf<T>(client.workflow.getHandle(workflowId));
  } finally {
    view.end();
    process.off('SIGINT', interrupted);
  }
}
