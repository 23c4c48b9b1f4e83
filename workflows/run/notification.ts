/**
 * Delivers one message over every channel that wants it, each tried until it took it, for a week at most. A child of its own (abandoned by its
 * parent), because a run that waited for a dead webhook would hold back the next scheduled one.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ChildWorkflowCancellationType, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { Severity } from '../../src/domain/notification.ts';
import type { Given, NotificationInput } from '../messages.ts';
import { control, delivery } from '../proxies.ts';
import { childAttributes } from './attributes.ts';
import { RunDisplay } from './display.ts';
import { rootMessage } from './failure.ts';
import { inputTexts } from './texts.ts';
import { titleOf } from '../../src/domain/replayed.ts';

export async function notification(...given: Given<NotificationInput>): Promise<void> {
  const told = inputTexts('notification', given);
  if ((told.text ?? '') === '') return;
  const display = new RunDisplay();
  const { appliance, searchable, channels } = await control({
    id: 'ask:channels',
    summary: 'who wants to hear it?',
  }).channelsFor(told);
  display.describe(appliance, searchable);
  display.declare(channels.map((channel) => `deliver:${channel}`));
  const ended = await Promise.allSettled(channels.map(async (channel) => deliver(channel, told, display)));
  const failed = ended.find((each) => each.status === 'rejected');
  display.state({ status: failed === undefined ? 'done' : 'failed' });
  if (failed !== undefined) throw failed.reason;
}

async function deliver(channel: string, told: NotificationInput, display: RunDisplay): Promise<void> {
  const step = `deliver:${channel}`;
  display.step(step, 'running');
  try {
    const summary = `${channel}: ${told.text ?? ''}`.slice(0, 100);
    await delivery({ id: step, summary }).deliver({ channel, ...told });
    display.step(step, 'done');
  } catch (error) {
    display.step(step, 'failed', rootMessage(error).slice(0, 200));
    throw error;
  }
}

export interface Message {
  /** One run tells each topic once. */
  readonly topic: string;
  readonly severity: Severity;
  readonly text: string;
  /** Somebody has built on these very words: no channel adds to them. */
  readonly isLiteral?: boolean;
}

/** Hands a message over for delivery. The id follows from run and topic, so that a repeated call delivers once. */
export async function notify(appliance: string, { topic, severity, text, isLiteral }: Message): Promise<void> {
  const { workflowId, runId, workflowType } = workflowInfo();
  const dedupKey = `${workflowId}/${runId}/${topic}`;
  try {
    await startChild(notification, {
      workflowId: `notification/${dedupKey}`,
      ...childAttributes('notification'),
      args: [
        {
          kind: workflowType,
          severity,
          appliance,
          title: titleOf(text),
          text,
          run: isLiteral === true ? '' : workflowId,
          dedupKey,
        },
      ],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: text.slice(0, 200),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
