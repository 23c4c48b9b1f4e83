/**
 * The restore graph (guide, recovery dependencies, D3.11) as data: pure planning from a manifest's records, the
 * configured services and what each driver said of its target. Gives a plan or all problems at once.
 *
 * Guide: Stop → Verify → {Database ∥ Configuration ∥ Vector store}; Database + Configuration → Core services;
 * Core → Application data; Vector store + Application data → AI services → Health → Complete.
 * Ours differs in two things: verify, stage and validate run before anything stops (`stopFirst` gives the guide's order),
 * and the content is probed when the engines are up and before the services that write to them start.
 */
import type { ComponentKind, Priority, Role, Tier } from './component.ts';
import { dependentsOf, topologicalOrder } from './graph.ts';
import { disksOf, planProblems } from './restore-problems.ts';
import { buildSteps, criticalPathSeconds } from './restore-steps.ts';

export const planVersion = 1;

export const stepKinds = ['verify', 'stage', 'validate', 'stop', 'swap', 'start', 'health', 'probe', 'commit'] as const;
export type StepKind = (typeof stepKinds)[number];

export interface PlanStep {
  readonly id: string;
  readonly kind: StepKind;
  /** Component id or service name; empty for steps of the whole. */
  readonly subject: string;
  readonly queue: { readonly role: Role; readonly host: string };
  readonly after: readonly string[];
  /** The node of the guide's graph that this step belongs to. */
  readonly branch: Branch;
  readonly estimateSeconds: number;
}

export const branches = [
  'source',
  'database',
  'configuration',
  'vectorstore',
  'core',
  'application-data',
  'ai',
  'monitoring',
  'health',
] as const;
export type Branch = (typeof branches)[number];

export interface PlanComponent {
  readonly id: string;
  readonly kind: ComponentKind;
  readonly host: string;
  readonly tier: Tier;
  readonly priority: Priority;
  readonly services: readonly string[];
  readonly indexId: string;
  readonly bytes: number;
  readonly capturedUntil: string;
}

/** A component of the recovery point that the configuration has not, or has as another kind. */
export interface PlanMisfit {
  readonly id: string;
  readonly kind: ComponentKind;
  readonly configuredKind: ComponentKind | undefined;
}

export interface PlanService {
  readonly name: string;
  readonly dependsOn: readonly string[];
}

/** What a driver said of the place that it would restore to. */
export interface PlanTarget {
  readonly component: string;
  readonly path: string;
  readonly device: string;
  readonly needBytes: number;
  readonly freeBytes: number;
  readonly liveBytes: number;
  readonly problems: readonly { readonly code: string; readonly message: string; readonly hint: string }[];
}

export interface PlanInput {
  readonly backupId: string;
  readonly appliance: string;
  readonly host: string;
  readonly components: readonly PlanComponent[];
  /** Each is a problem where it is chosen. */
  readonly misfits: readonly PlanMisfit[];
  /** Ids to restore; empty means all of the recovery point. */
  readonly chosen: readonly string[];
  readonly services: readonly PlanService[];
  readonly targets: readonly PlanTarget[];
  /** ISO time of planning: the loss is counted to it. */
  readonly now: string;
  readonly skewSeconds: number;
  readonly stopFirst: boolean;
  readonly replaceDamaged: boolean;
}

export interface RestorePlan {
  readonly version: number;
  readonly backupId: string;
  readonly appliance: string;
  readonly components: readonly {
    readonly id: string;
    readonly kind: ComponentKind;
    readonly bytes: number;
    readonly lossSeconds: number;
  }[];
  /** Services that stop, in the order of stopping. */
  readonly stops: readonly string[];
  readonly steps: readonly PlanStep[];
  readonly disks: readonly {
    readonly device: string;
    readonly path: string;
    readonly needBytes: number;
    readonly freeBytes: number;
  }[];
  readonly skewSeconds: number;
  readonly bytes: number;
  readonly estimateSeconds: number;
}

export interface PlanProblem {
  readonly code: string;
  readonly subject: string;
  readonly message: string;
  readonly hint: string;
}

export type PlanResult =
  { readonly ok: true; readonly plan: RestorePlan } | { readonly ok: false; readonly problems: readonly PlanProblem[] };

export function planRestore(input: PlanInput): PlanResult {
  const problems = planProblems(input);
  if (problems.length > 0) return { ok: false, problems };

  const chosen = input.components.filter(({ id }) => input.chosen.length === 0 || input.chosen.includes(id));
  const nodes = input.services.map(({ name, dependsOn }) => ({ id: name, after: dependsOn }));
  const stopped = dependentsOf(
    chosen.flatMap(({ services }) => services),
    nodes,
  );
  const startOrder = topologicalOrder(nodes).filter((name) => stopped.has(name));
  const steps = buildSteps(input, chosen, startOrder);
  const now = Date.parse(input.now);
  return {
    ok: true,
    plan: {
      version: planVersion,
      backupId: input.backupId,
      appliance: input.appliance,
      components: chosen.map(({ id, kind, bytes, capturedUntil }) => ({
        id,
        kind,
        bytes,
        lossSeconds: Math.max(0, Math.round((now - Date.parse(capturedUntil)) / 1000)),
      })),
      stops: [...startOrder].reverse(),
      steps,
      disks: disksOf(input),
      skewSeconds: input.skewSeconds,
      bytes: chosen.reduce((sum, { bytes }) => sum + bytes, 0),
      estimateSeconds: criticalPathSeconds(steps),
    },
  };
}
