/** `lifeboat restore plan`: in this process, so that it works with Temporal dead; the run makes the same plan. */
import type { Manifest } from '../../domain/recovery-point.ts';
import type { ManifestListing } from '../../repository/repository.ts';
import { pastRestores } from '../../operations/past-restores.ts';
import { describeTarget, fittingRecords, makePlan } from '../../operations/prepare-restore.ts';
import type { Parts } from '../../../workers/wire.ts';
import {
  commandOf,
  componentsOf,
  listOf,
  print,
  printJson,
  say,
  sayCommand,
  withParts,
  type GlobalOptions,
} from '../context.ts';
import { planText, type PlanView } from '../output/plan.ts';

export interface SelectOptions {
  readonly at: string;
  readonly components?: readonly string[];
  readonly stopFirst?: boolean;
  readonly replaceDamaged?: boolean;
}

export async function restorePlan(globals: GlobalOptions, options: SelectOptions): Promise<void> {
  await withParts(globals, async (parts) => {
    const view = await planHere(parts, options);
    if (globals.output === 'json')
      return printJson({ ...view.plan, notHeld: view.notHeld, passedOver: view.passedOver });
    print(planText(view));
    const { backupId } = view.plan;
    const components =
      (options.components ?? []).length === 0 ? '' : ` --components ${listOf(options.components).join(',')}`;
    say('');
    say('nothing was changed; to do it:');
    sayCommand(commandOf(globals, `restore start --at ${backupId}${components} --reason '…'`));
  });
}

/** What may be asked for: also what only a recovery point knows any more, for the plan says best what that needs. */
export async function restorableOf(
  { appliance, repository }: Parts,
  option: readonly string[] | undefined,
): Promise<string[]> {
  return componentsOf(appliance, option, async () => {
    const listings = await (await repository()).listManifests();
    return listings.flatMap(({ manifest }) => manifest?.lifeboat.components.map(({ id }) => id) ?? []);
  });
}

/** Reads the recovery point and asks every driver about its target; changes nothing. */
export async function planHere(parts: Parts, options: SelectOptions): Promise<PlanView> {
  const { appliance, driver } = parts;
  const chosen = await restorableOf(parts, options.components);
  const repository = await parts.repository();
  const manifest = await repository.findManifest(options.at, chosen);
  const configured = appliance.components.map(({ id }) => id);
  const targets = await Promise.all(
    fittingRecords(manifest, appliance, chosen).map(async ({ record }) => describeTarget(driver(record.id), record)),
  );
  const plan = makePlan({
    appliance,
    manifest,
    targets: targets.flat(),
    chosen,
    now: new Date(),
    stopFirst: options.stopFirst ?? false,
    replaceDamaged: options.replaceDamaged ?? false,
    pastRuns: await pastRestores(repository),
  });
  const newer =
    options.at === 'latest'
      ? (await repository.listManifests()).filter(({ timestamp }) => timestamp > manifest.timestamp)
      : [];
  return {
    plan,
    notHeld:
      chosen.length > 0
        ? []
        : configured.filter((id) => !manifest.lifeboat.components.some((record) => record.id === id)),
    passedOver: newer.map(
      (listing) => `${listing.timestamp}: ${reasonAgainst(listing, chosen.length > 0 ? chosen : configured)}`,
    ),
  };
}

function reasonAgainst({ manifest, problem }: ManifestListing, wanted: readonly string[]): string {
  if (manifest === undefined) return problem ?? 'cannot be read';
  const lacking = wanted.filter((id) => !holds(manifest, id));
  if (lacking.length > 0) return `without ${lacking.join(', ')}`;
  return manifest.success ? 'suspect, or its verification failed' : 'incomplete';
}

function holds(manifest: Manifest, id: string): boolean {
  return manifest.lifeboat.components.some((record) => record.id === id);
}
