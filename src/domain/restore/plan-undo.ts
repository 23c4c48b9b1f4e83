/**
 * The undo of a committed restore as a plan: the restore graph without what fetches, opens and probes stored artefacts,
 * and with the kept old data where the staged data was. Pure.
 */
import { buildSteps, startOrderOf } from './steps.ts';
import {
  planVersion,
  type PlanComponent,
  type PlanService,
  type PlanStep,
  type UndoneRestore,
  type UnhashedPlan,
} from './types.ts';
import { criticalPath } from '../plan/critical-path.ts';

/** A component whose live data is of the restore that is undone; `bytes` are those of its old data. */
export type KeptComponent = Omit<PlanComponent, 'backupId' | 'moment' | 'wal'>;

export interface UndoInput {
  readonly appliance: string;
  readonly host: string;
  readonly components: readonly KeptComponent[];
  readonly services: readonly PlanService[];
  readonly undoes: UndoneRestore;
  /** ISO time of planning. */
  readonly now: string;
  readonly keepNew: boolean;
}

export function planUndo(input: UndoInput): UnhashedPlan {
  const { appliance, host, services, undoes, now, keepNew } = input;
  const moment = undoes.lockStart;
  const components = input.components.map((component) => ({ ...component, backupId: '', moment }));
  const startOrder = startOrderOf(components, services);
  const steps = withKept(buildSteps({ host, services, stopFirst: true, keepNew }, components, startOrder));
  const longest = criticalPath(steps, ({ estimateSeconds }) => estimateSeconds);
  const lossSeconds = Math.max(0, Math.round((Date.parse(now) - Date.parse(moment)) / 1000));
  return {
    version: planVersion,
    backupId: '',
    undoes,
    appliance,
    components: components.map(({ id, kind, bytes }) => ({ id, kind, bytes, moment, lossSeconds })),
    stops: [...startOrder].reverse(),
    steps,
    keepNew,
    replaceDamaged: false,
    disks: [],
    skewSeconds: 0,
    bytes: components.reduce((sum, { bytes }) => sum + bytes, 0),
    estimateSeconds: Math.round(longest.seconds),
    p90Seconds: Math.round(longest.seconds),
    criticalPath: longest.steps,
    estimatedFrom: 0,
  };
}

const putBackId = (component: string): string => `put-back:${component}`;

function withKept(steps: readonly PlanStep[]): PlanStep[] {
  const swaps = new Map(steps.flatMap(({ id, kind, subject }) => (kind === 'swap' ? [[id, putBackId(subject)]] : [])));
  const kept = steps.filter(({ kind }) => ['stop', 'swap', 'start', 'health'].includes(kind));
  const ids = new Set(kept.map(({ id }) => id));
  return kept.map((step): PlanStep => {
    const after = step.after.filter((id) => ids.has(id)).map((id) => swaps.get(id) ?? id);
    if (step.kind === 'swap') return { ...step, kind: 'put-back', id: putBackId(step.subject), after };
    if (step.kind === 'health') return { ...step, after: [...swaps.values(), ...after] };
    return { ...step, after };
  });
}
