/**
 * The restore graph (guide, recovery dependencies, D3.11) as data: pure planning from a manifest's records, the
 * configured services and what each driver said of its target. Gives a plan or all problems at once.
 *
 * Guide: Stop → Verify → {Database ∥ Configuration ∥ Vector store}; Database + Configuration → Core services;
 * Core → Application data; Vector store + Application data → AI services → Health → Complete.
 * Ours differs in two things: verify, stage and validate run before anything stops (`stopFirst` gives the guide's order),
 * and the content is probed when the engines are up and before the services that write to them start.
 */
import { enoughRuns, stepDurations } from '../plan/durations.ts';
import { disksOf, planProblems } from './problems.ts';
import { buildSteps, startOrderOf } from './steps.ts';
import { planVersion, type PlanStep, type PlanInput, type PlanResult, type RestorePlan } from './types.ts';
import { criticalPath } from '../plan/critical-path.ts';

export function planRestore(input: PlanInput): PlanResult {
  const problems = planProblems(input);
  if (problems.length > 0) return { ok: false, problems };

  const chosen = input.components.filter(({ id }) => input.chosen.length === 0 || input.chosen.includes(id));
  const startOrder = startOrderOf(chosen, input.services);
  const durations = stepDurations(input.pastRuns);
  const steps = buildSteps(input, chosen, startOrder).map((step): PlanStep => {
    const own = durations.get(step.id);
    return own === undefined ? step : { ...step, estimateSeconds: own.medianSeconds, p90Seconds: own.p90Seconds };
  });
  const longest = criticalPath(steps, ({ estimateSeconds }) => estimateSeconds);
  const now = Date.parse(input.now);
  return {
    ok: true,
    plan: {
      version: planVersion,
      backupId: input.backupId,
      appliance: input.appliance,
      components: chosen.map(({ id, kind, bytes, backupId, moment, wal, notes = [] }) => ({
        id,
        ...targetOf(id, input.targets),
        kind,
        bytes,
        backupId,
        moment,
        ...(wal === undefined ? {} : { wal }),
        lossSeconds: Math.max(0, Math.round((now - Date.parse(moment)) / 1000)),
        ...(notes.length === 0 ? {} : { notes }),
      })),
      stops: [...startOrder].reverse(),
      steps,
      keepNew: input.keepNew,
      replaceDamaged: input.replaceDamaged,
      disks: disksOf(input),
      skewSeconds: input.skewSeconds,
      bytes: chosen.reduce((sum, { bytes }) => sum + bytes, 0),
      estimateSeconds: Math.round(longest.seconds),
      p90Seconds: Math.round(
        criticalPath(steps, ({ p90Seconds, estimateSeconds }) => p90Seconds ?? estimateSeconds).seconds,
      ),
      criticalPath: longest.steps,
      estimatedFrom: input.pastRuns.length >= enoughRuns ? input.pastRuns.length : 0,
    },
  };
}

/** Undefined fields stay out: a plan travels as JSON. */
function targetOf(id: string, targets: PlanInput['targets']): Pick<RestorePlan['components'][number], 'target'> {
  const found = targets.find(({ component }) => component === id);
  return found === undefined ? {} : { target: { path: found.path, device: found.device } };
}
