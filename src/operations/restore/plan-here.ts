/** The plan of a restore, made in this process: it works with Temporal dead. A run makes the same one. */
import type { Appliance } from '../../domain/appliance.ts';
import type { GoalFields } from '../../domain/restore/target.ts';
import type { RestorePlan } from '../../domain/restore/types.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Repository } from '../../repository/repository.ts';
import { pastRestores } from './history.ts';
import { describeTarget, fittingArtefacts, makePlan } from './make-plan.ts';
import { selectArtefacts, goalOf } from './select-artefacts.ts';
import { spotCheck } from './spot-check.ts';

/** What a plan is made with. */
export interface PlanParts {
  readonly appliance: Appliance;
  readonly repository: (expectedId?: string, location?: string) => Promise<Repository>;
  readonly driver: (component: string) => Promise<Driver>;
  readonly platform: Platform;
}

export interface PlanSelection extends GoalFields {
  readonly at: string;
  /** Location whose copy is read. */
  readonly from?: string;
  readonly components: readonly string[];
  readonly rebuild: readonly string[];
  readonly stopFirst?: boolean;
  readonly replaceDamaged?: boolean;
  readonly keepNew?: boolean;
}

/** Reads the recovery point and asks every driver about its target; changes nothing. */
export async function planHere(
  { appliance, driver, platform, repository: open }: PlanParts,
  selection: PlanSelection,
): Promise<RestorePlan> {
  const { at, from, components: chosen, rebuild } = selection;
  const repository = await open(undefined, from);
  const goal = goalOf(selection);
  const choice = await selectArtefacts({ repository, appliance, goal, at, components: chosen, rebuild });
  const targets = await Promise.all(
    fittingArtefacts(choice, appliance, chosen).map(async ({ artefact: { record, wal } }) =>
      describeTarget(await driver(record.id), record, wal),
    ),
  );
  return makePlan({
    appliance,
    platform,
    repository,
    isOwn: from === undefined,
    goal,
    at,
    choice,
    targets: targets.flat(),
    chosen,
    rebuild,
    now: new Date(),
    stopFirst: selection.stopFirst ?? false,
    replaceDamaged: selection.replaceDamaged ?? false,
    keepNew: selection.keepNew ?? false,
    pastRuns: await pastRestores(repository),
    objectProblems: await spotCheck(repository, choice.artefacts, chosen),
  });
}
