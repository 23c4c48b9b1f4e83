/** How every run begins: with the configuration, and with its input checked before anything looks into it. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { WorkflowType } from '../../src/domain/workflow-types.ts';
import type { Given } from '../messages.ts';
import { notify } from './notification.ts';
import { control } from '../proxies.ts';
import { scheduledBy } from './schedule-info.ts';
import type { RunDisplay } from './display.ts';
import { failureText } from './failure.ts';

export interface Begun<I> {
  readonly appliance: ApplianceView;
  /** What the run may read of its input. */
  readonly input: I;
}

/** A refused input (InputInvalid) or a configuration that cannot be read ends the run before it does anything. */
export async function begin<I extends object>(display: RunDisplay, given: Given<I>): Promise<Begun<I>> {
  const { workflowType } = workflowInfo();
  try {
    const { input, ...appliance } = await control({
      id: 'read:configuration',
      summary: 'read the configuration',
    }).describeAppliance({
      type: workflowType as WorkflowType,
      args: given,
    });
    display.describe(appliance.name, appliance.searchable);
    return { appliance, input: input as I };
  } catch (error) {
    if (isCancellation(error)) throw error;
    display.state({ status: isRefusal(error) ? 'refused' : 'failed' });
    await tellUnseen(failureText(error));
    throw isRefusal(error) ? error.cause : error;
  }
}

function isRefusal(error: unknown): error is ActivityFailure & { readonly cause: ApplicationFailure } {
  return (
    error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === 'InputInvalid'
  );
}

/** A person sees how the run that they started ends; what a schedule or another run starts would fail unseen. */
async function tellUnseen(text: string): Promise<void> {
  const { parent, workflowId } = workflowInfo();
  const scheduleId = scheduledBy();
  if (scheduleId === undefined && parent === undefined) return;
  const what = scheduleId === undefined ? `${workflowId} does` : `The schedule ${scheduleId} starts`;
  // Whose it is, the delivery knows: the configuration was not handed over.
  await notify('', { topic: 'input', severity: 'critical', text: `${what} nothing: ${text}` });
}
