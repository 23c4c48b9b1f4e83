/**
 * Which plan runs. With `confirm` the one that was just made; with `waitForApproval` the one that somebody saw and approved by
 * its hash, looked at again after the answer: targets and room may have changed while it was read. Nothing is held meanwhile.
 */
import { condition } from '@temporalio/workflow';
import type { RestoreInput } from '../messages.ts';
import type { RunControl } from '../run/control.ts';
import type { Run } from '../run/run.ts';
import type { RestoreMemory } from './memory.ts';
import { showPlan, sourceOf, type RestoreSource } from './source.ts';

/** Who looks at a plan and goes away has not begun a restore. */
const approvalSeconds = 30 * 60;

/** Undefined where nobody approved it: the run ends `planned`. */
export async function approvedSource(
  run: Run<RestoreInput>,
  control: RunControl,
  planned: RestoreSource,
  memory: RestoreMemory,
): Promise<RestoreSource | undefined> {
  const { appliance, input, display } = run;
  if (input.confirm === appliance.name) return planned;
  if (input.waitForApproval !== true) return undefined;
  let asked = planned;
  for (let attempt = 1; ; attempt += 1) {
    display.state({ status: 'awaiting_approval' });
    const { choice } = await control.ask({
      id: 'plan',
      attempt,
      planHash: asked.plan.hash,
      text: `Is this plan to be carried out on ${appliance.name}?`,
      choices: ['approve', 'reject'],
      deadlineSeconds: approvalSeconds,
      byDefault: 'reject',
    });
    if (choice !== 'approve') return undefined;
    await condition(() => !control.isPaused);
    display.state({ status: 'planning' });
    const now = await sourceOf(appliance, input, display);
    if (now.plan.hash === asked.plan.hash) return now;
    display.note('the plan has changed since it was shown; it is asked again');
    showPlan(display, now.plan);
    memory.plan = now.plan;
    asked = now;
  }
}
