/**
 * `restore start` and `restore undo` without `--confirm`: the run has made its plan and asks. The plan that is shown here is the
 * one that runs, by its hash.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { askedPlan, type AskedPlan } from '../client/restores.ts';
import { snapshot } from '../client/runs.ts';
import { decide } from '../client/steer.ts';
import type { Appliance } from '../domain/appliance.ts';
import type { RestorePlan } from '../domain/restore/types.ts';
import { askForName } from './confirm.ts';
import { say } from './output/speak.ts';
import { requestedBy } from './requested-by.ts';
import { watchUntil } from './watch.ts';

/** Who started it waits for its question. */
const pollMs = 250;

/**
 * Returns when the run needs no more answers. Aborted where the name was not typed, after the run was told so: it ends
 * `planned`. Ctrl-C does the same.
 */
export async function approvePlan(
  client: Client,
  appliance: Appliance,
  workflowId: string,
  textOf: (plan: RestorePlan) => string,
  again: string,
): Promise<void> {
  const reject = async ({ question }: AskedPlan): Promise<void> =>
    void (await decide(client, appliance, workflowId, question, {
      choice: 'reject',
      by: requestedBy(),
      reason: 'not confirmed',
    }).catch(() => undefined));
  const nextPlan = async (after: number): Promise<AskedPlan | 'over'> =>
    watchUntil(client, appliance, workflowId, async (run) => askedPlan(client, run, after), {
      again,
      pollMs,
      // What was approved may have begun.
      ...(after > 0 ? {} : { onInterrupted: async () => leave(client, workflowId, reject) }),
    });
  for (let asked = await nextPlan(0); asked !== 'over';) {
    const shown = asked;
    await askForName(appliance, textOf(shown.plan), async () => reject(shown)).catch(async (error: unknown) => {
      await reject(shown);
      throw error;
    });
    await decide(client, appliance, workflowId, shown.question, { choice: 'approve', by: requestedBy(), reason: '' });
    asked = await nextPlan(shown.question.attempt);
    if (asked !== 'over') say('the plan has changed since it was shown');
  }
}

/** A plan is ready within seconds. */
const leaveMs = 15_000;

/** While the run still plans nothing can be answered: it is waited for, so that it ends at once. */
async function leave(client: Client, workflowId: string, reject: (asked: AskedPlan) => Promise<void>): Promise<void> {
  say(`${workflowId} changes nothing: it is told so as soon as it has planned; Ctrl-C again leaves it`);
  for (const end = Date.now() + leaveMs; Date.now() < end; await delay(pollMs)) {
    const asked = await askedPlan(client, await snapshot(client, workflowId));
    if (asked === 'over') return;
    if (asked !== undefined) return reject(asked);
  }
  say('it still plans, and ends as planned 30 min after it has asked');
}
