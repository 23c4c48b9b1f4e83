/**
 * Everything that is known before a restore begins: the recovery point, what each driver says of its target, and the
 * plan. Reads only. Called by the plan activity and by `lifeboat restore plan` (which works with Temporal dead).
 */
import type { Appliance, ComponentConfig } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { PastRun } from '../domain/own-runs.ts';
import type { ComponentRecord, Manifest } from '../domain/recovery-point.ts';
import {
  planRestore,
  type PlanComponent,
  type PlanMisfit,
  type PlanProblem,
  type PlanTarget,
  type RestorePlan,
} from '../domain/restore-plan.ts';
import type { Driver } from '../drivers/driver.ts';

export interface PlanOptions {
  readonly appliance: Appliance;
  readonly manifest: Manifest;
  readonly targets: readonly PlanTarget[];
  readonly chosen: readonly string[];
  readonly now: Date;
  readonly stopFirst: boolean;
  readonly replaceDamaged: boolean;
  readonly pastRuns: readonly PastRun[];
}

/** The plan, or PlanInvalid (or the only problem's code) listing every problem. */
export function makePlan(options: PlanOptions): RestorePlan {
  const { appliance, manifest } = options;
  const fitting = fittingRecords(manifest, appliance);
  const result = planRestore({
    backupId: manifest.timestamp,
    appliance: appliance.name,
    host: appliance.host,
    components: fitting.map(planComponent),
    misfits: misfitsOf(manifest, appliance),
    chosen: options.chosen,
    services: appliance.services.map(({ name, dependsOn }) => ({ name, dependsOn })),
    targets: options.targets,
    now: options.now.toISOString(),
    skewSeconds: manifest.lifeboat.skewSeconds,
    stopFirst: options.stopFirst,
    replaceDamaged: options.replaceDamaged,
    pastRuns: options.pastRuns,
  });
  if (!result.ok) throw planError(result.problems);
  return result.plan;
}

interface FittingRecord {
  readonly record: ComponentRecord;
  readonly config: ComponentConfig;
}

/** The components of a recovery point that have a driver here, where they are configured now. The plan names the others. */
export function fittingRecords(
  { lifeboat }: Manifest,
  { components }: Appliance,
  chosen: readonly string[] = [],
): FittingRecord[] {
  return lifeboat.components.flatMap((record) => {
    const config = components.find(({ id, kind }) => id === record.id && kind === record.kind);
    const isWanted = chosen.length === 0 || chosen.includes(record.id);
    return config === undefined || !isWanted ? [] : [{ record, config }];
  });
}

function misfitsOf({ lifeboat }: Manifest, { components }: Appliance): PlanMisfit[] {
  return lifeboat.components.flatMap(({ id, kind }) => {
    const configuredKind = components.find((config) => config.id === id)?.kind;
    return configuredKind === kind ? [] : [{ id, kind, configuredKind }];
  });
}

/** What one driver says of the place that it would restore to. */
export async function describeTarget(driver: Driver, record: ComponentRecord): Promise<PlanTarget[]> {
  const targets = await driver.restoreTargets(record);
  return targets.map((target) => ({ component: driver.component, ...target }));
}

function planComponent({ record, config }: FittingRecord): PlanComponent {
  const { id, kind, indexId, bytes, capturedUntil } = record;
  const { tier, priority, services, host } = config;
  return { id, kind, host, tier, priority, services, indexId, bytes, capturedUntil };
}

function planError(problems: readonly PlanProblem[]): LifeboatError {
  const [first] = problems;
  if (problems.length === 1 && first !== undefined) {
    const { subject, message } = first;
    const text = message.includes(subject) ? message : `${subject}: ${message}`;
    return new LifeboatError(knownCode(first.code), `the restore cannot start, nothing was stopped: ${text}`, {
      component: first.subject,
      hint: first.hint,
    });
  }
  const lines = problems.map(({ subject, message, hint }) => `  ${subject}: ${message} (${hint})`);
  const text = `the restore cannot start, nothing was stopped; ${problems.length} problems:\n${lines.join('\n')}`;
  return new LifeboatError('PlanInvalid', text);
}

function knownCode(
  code: string,
): 'NoSpace' | 'VersionMismatch' | 'PermissionDenied' | 'NotFound' | 'Precondition' | 'PlanInvalid' {
  switch (code) {
    case 'NoSpace':
    case 'VersionMismatch':
    case 'PermissionDenied':
    case 'NotFound':
    case 'Precondition':
      return code;
    default:
      return 'PlanInvalid';
  }
}
