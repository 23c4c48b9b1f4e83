/**
 * What the steps of a restore test do: those of a restore, but what speaks against the recovery point is recorded and ends the
 * test of its component only. Everything else says nothing of the point and stops the whole test.
 */
import type { ProbeResult } from '../../src/domain/recovery-point.ts';
import type { PlanStep } from '../../src/domain/restore/types.ts';
import { describeProbes, isFailed } from '../../src/domain/replayed.ts';
import type { Action, Actions } from '../plan/actions.ts';
import { components } from '../proxies.ts';
import { restoreActions } from '../restore/actions.ts';
import { componentRequest, type RestoreContext } from '../restore/request.ts';
import { failureText, rootCode } from '../run/failure.ts';

/** These say that what is stored cannot be used; everything else says nothing of it. */
const speaksAgainst = ['ValidationFailed', 'ObjectMissing', 'ObjectCorrupt', 'WalGap', 'WalConflict'];

export interface Tested {
  readonly component: string;
  readonly probes: readonly ProbeResult[];
}

export interface TestContext extends RestoreContext {
  /** Components that were opened, or that could not be because of what is stored. */
  readonly tested: Tested[];
}

const stage: Action<PlanStep, TestContext> = {
  act: async (step, context) => recorded(step, context, async () => restoreActions.stage.act(step, context)),
  ...(restoreActions.stage.undo === undefined ? {} : { undo: restoreActions.stage.undo }),
};

const validate: Action<PlanStep, TestContext> = {
  act: async (step, context) => {
    if (context.tested.some(({ component }) => component === step.subject)) return 'not staged';
    return recorded(step, context, async () => {
      const call = { id: step.id, priority: context.priority };
      const probes = await components(step.queue, call).validateComponent(componentRequest(step, context));
      context.tested.push({ component: step.subject, probes });
      const failed = probes.find(isFailed);
      return failed === undefined
        ? describeProbes(probes)
        : `FAILED ${failed.name}: found ${failed.actual}`.slice(0, 200);
    });
  },
};

export const testActions: Actions<PlanStep, TestContext> = { ...restoreActions, stage, validate };

async function recorded({ subject }: PlanStep, { tested }: TestContext, act: () => Promise<string>): Promise<string> {
  try {
    return await act();
  } catch (error) {
    if (!speaksAgainst.includes(rootCode(error))) throw error;
    const actual = failureText(error);
    tested.push({
      component: subject,
      probes: [{ component: subject, name: 'opens', expected: 'it does', actual, ok: false }],
    });
    return `FAILED ${actual}`.slice(0, 200);
  }
}
