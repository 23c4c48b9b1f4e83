/**
 * A restore test as a plan: each component is staged beside the live data, opened with its real engine in private, and removed
 * again, one after the other, because there need not be room for all at once. Pure.
 */
import type { Role } from '../component.ts';
import { planVersion, type PlanStep } from './types.ts';
import type { Plan } from '../plan/plan.ts';

export interface TestedComponent {
  readonly id: string;
  readonly role: Role;
  readonly host: string;
}

/** Nobody agrees to it, for nothing live is touched: it has no hash. */
export function planRestoreTest(appliance: string, components: readonly TestedComponent[]): Plan<PlanStep> {
  let before: readonly string[] = [];
  const steps = components.flatMap((component): PlanStep[] => {
    const stage = stepOf(component, 'stage', before);
    const open = stepOf(component, 'validate', [stage.id]);
    const remove = stepOf(component, 'remove', [open.id]);
    before = [remove.id];
    return [stage, open, remove];
  });
  return { version: planVersion, appliance, steps, hash: '' };
}

function stepOf(
  { id, role, host }: TestedComponent,
  kind: 'stage' | 'validate' | 'remove',
  after: readonly string[],
): PlanStep {
  return {
    id: `${kind}:${id}`,
    kind,
    subject: id,
    queue: { role, host },
    after,
    branch: 'source',
    phase: 'before-pivot',
    onFailure: 'unwind',
    estimateSeconds: 0,
  };
}
