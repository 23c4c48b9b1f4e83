/** Steers a run that is open, with the updates of workflows/run/control.ts. Needs a live worker: the run itself answers. */
import { randomUUID } from 'node:crypto';
import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from '@temporalio/client';
import { messageNames } from '../../workflows/message-names.ts';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { Choice, Question, SentAnswer } from '../domain/plan/question.ts';
import { unknownRun } from './runs.ts';
import { requireWorker, workerHint } from './temporal/workers.ts';

/** A worker that lives takes an update at once, one that is started for it within seconds. */
const updateMs = 60_000;

export interface Asker {
  readonly by: string;
  readonly reason: string;
}

/** What a person may do to a restore at any time. Gives what the run answers. */
export type Steering = 'abort' | 'pause' | 'resume';

/** InputInvalid for a run that is no restore, Precondition for one that has ended or refuses it, NotFound, Unreachable. */
export async function steerRun(
  client: Client,
  appliance: Appliance,
  workflowId: string,
  steering: Steering,
  asker: Asker,
): Promise<string> {
  return update(client, appliance, workflowId, messageNames[steering], { ...asker });
}

/** Answers a question of a run as it was asked: a question that has changed since refuses the answer. */
export async function decide(
  client: Client,
  appliance: Appliance,
  workflowId: string,
  { id, attempt, planHash }: Question,
  { choice, by, reason }: Asker & { readonly choice: Choice },
): Promise<string> {
  const answer: SentAnswer = { question: id, attempt: String(attempt), planHash, choice, by, reason };
  return update(client, appliance, workflowId, messageNames.decide, answer);
}

async function update(
  client: Client,
  appliance: Appliance,
  workflowId: string,
  name: string,
  sent: object,
): Promise<string> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const { status, type } = await handle.describe();
    if (type !== 'restore')
      throw new LifeboatError('InputInvalid', `${workflowId} is no restore`, {
        hint: 'a backup changes nothing of the appliance: let it end, or cancel it in the Temporal UI',
      });
    if (status.name !== 'RUNNING')
      throw new LifeboatError('Precondition', `${workflowId} has ended: ${status.name.toLowerCase()}`, {
        hint: `see \`lifeboat restore show ${workflowId}\``,
      });
    await requireWorker(client, appliance);
    return await client.withDeadline(Date.now() + updateMs, async () =>
      handle.executeUpdate<string, [object]>(name, { args: [sent], updateId: randomUUID() }),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw unknownRun(workflowId);
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)
      throw new LifeboatError(
        'Unreachable',
        `no worker took the ${name} of ${workflowId} within ${updateMs / 1000} s`,
        {
          hint: `${workerHint}; the next one may still take it: see \`lifeboat restore watch ${workflowId}\``,
          cause: error,
        },
      );
    if (error instanceof WorkflowUpdateFailedError)
      throw new LifeboatError('Precondition', error.cause?.message ?? error.message, {
        hint: `see \`lifeboat restore watch ${workflowId}\``,
      });
    throw error;
  }
}
