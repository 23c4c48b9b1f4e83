/**
 * Everything that is known before a restore begins: the recovery point, what each driver says of its target, and the
 * plan. Reads only. Called by the plan activity and by `lifeboat restore plan` (which works with Temporal dead).
 */
import type { Appliance, ComponentConfig } from '../../domain/appliance.ts';
import { restoreNotes } from '../../domain/capture-notes.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { PastRun } from '../../domain/plan/durations.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import type { RestoreGoal, WalTarget } from '../../domain/restore/target.ts';
import { planRestore } from '../../domain/restore/plan-restore.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { Platform } from '../../platform/platform.ts';
import { hashed } from './plan-hash.ts';
import { planNotes } from './plan-notes.ts';
import type { Choice } from './select-artefacts.ts';
import { leftToRestore } from './rebuildable.ts';
import type { PlanProblem } from '../../domain/plan/plan.ts';
import type { PlanComponent, PlanMisfit, PlanTarget, RestorePlan } from '../../domain/restore/types.ts';
import type { Artefact } from './artefact.ts';

/** Whose services a plan stops. */
export interface Steered {
  readonly appliance: Appliance;
  readonly platform: Platform;
}

export interface PlanOptions extends Steered {
  readonly repository: Repository;
  /** False for a copy in a location. */
  readonly isOwn: boolean;
  readonly goal: RestoreGoal;
  /** As it was asked for: an id, `newest` or `latest`. */
  readonly at: string;
  readonly choice: Choice;
  readonly targets: readonly PlanTarget[];
  readonly chosen: readonly string[];
  /** What the application makes anew after it. */
  readonly rebuild?: readonly string[];
  readonly now: Date;
  readonly stopFirst: boolean;
  readonly replaceDamaged: boolean;
  readonly keepNew: boolean;
  readonly pastRuns: readonly PastRun[];
  /** What `spotCheck` found. */
  readonly objectProblems: readonly PlanProblem[];
}

/** The plan, or PlanInvalid (or the only problem's code) listing every problem. */
export async function makePlan(options: PlanOptions): Promise<RestorePlan> {
  const { appliance, choice, rebuild = [] } = options;
  const chosen = leftToRestore(options.chosen, rebuild);
  const fitting = fittingArtefacts(choice, appliance);
  const result = planRestore({
    backupId: choice.backupId,
    appliance: appliance.name,
    host: appliance.host,
    components: fitting.map(planComponent),
    misfits: misfitsOf(choice, appliance),
    chosen,
    services: appliance.services.map(({ name, dependsOn }) => ({ name, dependsOn })),
    targets: options.targets,
    now: options.now.toISOString(),
    skewSeconds: choice.skewSeconds,
    stopFirst: options.stopFirst,
    replaceDamaged: options.replaceDamaged,
    keepNew: options.keepNew,
    pastRuns: options.pastRuns,
    objectProblems: options.objectProblems,
  });
  if (!result.ok) throw planError(result.problems);
  await refuseUnsteerable(result.plan, options);
  const { foreign } = choice;
  return hashed({
    ...result.plan,
    ...(foreign === undefined ? {} : { foreign }),
    ...(rebuild.length === 0 ? {} : { rebuilds: rebuild }),
    ...(await planNotes({
      ...options,
      backupId: choice.backupId,
      held: choice.artefacts.map(({ record }) => record.id),
      chosen: options.chosen,
      rebuild,
      configured: appliance.components.map(({ id }) => id),
    })),
  });
}

/** Services that could not be stopped or started, or that the run itself needs: found out before anything stops. */
export async function refuseUnsteerable(
  { stops }: Pick<RestorePlan, 'stops'>,
  { appliance, platform }: Steered,
): Promise<void> {
  refuseStoppingTemporal(stops, appliance);
  await platform.refuseUnsteerable(stops);
}

/** A run whose own server it stops would never go on. */
function refuseStoppingTemporal(stops: readonly string[], { temporal: { service } }: Appliance): void {
  if (service === undefined || !stops.includes(service)) return;
  throw new LifeboatError(
    'Precondition',
    `the restore would stop \`${service}\`, the Temporal server that runs it; nothing was stopped`,
    { hint: `stop \`${service}\` by hand, then \`lifeboat --standalone restore start …\`` },
  );
}

interface FittingArtefact {
  readonly artefact: Artefact;
  readonly config: ComponentConfig;
}

/** Those of the chosen artefacts (all where none is) that have a driver here, where they are configured now. The plan names the others. */
export function fittingArtefacts(
  { artefacts }: Choice,
  { components }: Appliance,
  chosen: readonly string[] = [],
): FittingArtefact[] {
  const wanted = artefacts.filter(({ record: { id } }) => chosen.length === 0 || chosen.includes(id));
  return wanted.flatMap((artefact) => {
    const config = components.find(({ id, kind }) => id === artefact.record.id && kind === artefact.record.kind);
    return config === undefined ? [] : [{ artefact, config }];
  });
}

function misfitsOf({ artefacts }: Choice, { components }: Appliance): PlanMisfit[] {
  return artefacts.flatMap(({ record: { id, kind } }) => {
    const configuredKind = components.find((config) => config.id === id)?.kind;
    return configuredKind === kind ? [] : [{ id, kind, configuredKind }];
  });
}

/** What one driver says of the place that it would restore to. */
export async function describeTarget(
  driver: Driver,
  record: ComponentRecord,
  wal: WalTarget | undefined,
): Promise<PlanTarget[]> {
  const targets = await driver.restoreTargets(record, wal);
  return targets.map((target) => ({ component: driver.component, ...target }));
}

function planComponent({ artefact, config }: FittingArtefact): PlanComponent {
  const { backupId, record, wal, moment } = artefact;
  const { id, kind, bytes } = record;
  const { tier, priority, services, host } = config;
  return {
    id,
    kind,
    host,
    tier,
    priority,
    services,
    bytes,
    backupId,
    moment,
    ...(wal === undefined ? {} : { wal }),
    notes: restoreNotes(record.facts),
  };
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
):
  | 'NoSpace'
  | 'VersionMismatch'
  | 'PermissionDenied'
  | 'NotFound'
  | 'Precondition'
  | 'ObjectMissing'
  | 'ObjectCorrupt'
  | 'PlanInvalid' {
  switch (code) {
    case 'NoSpace':
    case 'VersionMismatch':
    case 'PermissionDenied':
    case 'NotFound':
    case 'Precondition':
    case 'ObjectMissing':
    case 'ObjectCorrupt':
      return code;
    default:
      return 'PlanInvalid';
  }
}
