/** How every run begins: with the configuration, and with its input checked before anything looks into it. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { WorkflowType } from '../../src/domain/workflow-types.ts';
import type { Given } from '../messages.ts';
import { notify } from './notification.ts';
import { control } from '../proxies.ts';
import { scheduledBy } from './schedule-info.ts';
import type { RunDisplay } from './display.ts';

export interface Begun<I> {
  readonly appliance: ApplianceView;
  /** What the run may read of its input. */
  readonly input: I;
}

/** InputInvalid ends the run before it does anything. */
export async function begin<I extends object>(display: RunDisplay, given: Given<I>): Promise<Begun<I>> {
  const { workflowType } = workflowInfo();
  try {
    const { input, ...appliance } = await control({ summary: 'read the configuration' }).describeAppliance({
      type: workflowType as WorkflowType,
      args: given,
    });
    display.describe(appliance.name, appliance.searchable);
    return { appliance, input: input as I };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    display.state({ status: 'refused' });
    await tellSchedule(error.cause.message);
    throw error.cause;
  }
}

function isRefusal(error: unknown): error is ActivityFailure & { readonly cause: ApplicationFailure } {
  return (
    error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === 'InputInvalid'
  );
}

/** A person sees how the run that they started ends; one that somebody put into a schedule would fail unseen. */
async function tellSchedule(text: string): Promise<void> {
  const scheduleId = scheduledBy();
  if (scheduleId === undefined) return;
  // Whose it is, the delivery knows: the configuration was not handed over.
  await notify('', {
    topic: 'input',
    severity: 'critical',
    text: `The schedule ${scheduleId} starts nothing: ${text}`,
  });
}
