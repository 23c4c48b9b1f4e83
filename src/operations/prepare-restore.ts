/**
 * Everything that is known before a restore begins: the recovery point, what each driver says of its target, and the
 * plan. Reads only. Called by the plan activity and by `lifeboat restore plan` (which works with Temporal dead).
 */
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { ComponentRecord, Manifest } from '../domain/recovery-point.ts';
import {
  planRestore,
  type PlanComponent,
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
}

/** The plan, or PlanInvalid (or the first problem's code) listing every problem. */
export function makePlan(options: PlanOptions): RestorePlan {
  const { appliance, manifest } = options;
  const unconfigured = manifest.lifeboat.components.filter(
    (record) => isChosen(record.id, options.chosen) && !appliance.components.some(({ id }) => id === record.id),
  );
  const result = planRestore({
    backupId: manifest.timestamp,
    appliance: appliance.name,
    host: appliance.host,
    components: manifest.lifeboat.components.flatMap((record) => planComponent(record, appliance)),
    chosen: options.chosen,
    services: appliance.services.map(({ name, dependsOn }) => ({ name, dependsOn })),
    targets: options.targets,
    now: options.now.toISOString(),
    skewSeconds: manifest.lifeboat.skewSeconds,
    stopFirst: options.stopFirst,
    replaceDamaged: options.replaceDamaged,
  });
  const problems: PlanProblem[] = [
    ...unconfigured.map(({ id }) => ({
      code: 'NotFound',
      subject: id,
      message: `component \`${id}\` is in the recovery point but not in lifeboat.yaml`,
      hint: 'configure it, or choose components with --components',
    })),
    ...(result.ok ? [] : result.problems),
  ];
  if (problems.length > 0 || !result.ok) throw planError(problems);
  return result.plan;
}

/** What one driver says of the place that it would restore to. */
export async function describeTarget(driver: Driver, record: ComponentRecord): Promise<PlanTarget[]> {
  const targets = await driver.restoreTargets(record);
  return targets.map((target) => ({ component: driver.component, ...target }));
}

function planComponent(record: ComponentRecord, appliance: Appliance): PlanComponent[] {
  const config = appliance.components.find(({ id }) => id === record.id);
  if (config === undefined) return [];
  const { tier, priority, services, host } = config;
  return [
    {
      id: record.id,
      kind: record.kind,
      host,
      tier,
      priority,
      services,
      indexId: record.indexId,
      bytes: record.bytes,
      capturedUntil: record.capturedUntil,
    },
  ];
}

function isChosen(id: string, chosen: readonly string[]): boolean {
  return chosen.length === 0 || chosen.includes(id);
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
