/** `lifeboat restore plan`: in this process, so that it works with Temporal dead; the run makes the same plan. */
import type { Manifest } from '../../domain/recovery-point.ts';
import type { ManifestListing } from '../../repository/repository.ts';
import { recordOf } from '../../operations/find-record.ts';
import { describeTarget, makePlan } from '../../operations/prepare-restore.ts';
import type { Parts } from '../../../workers/wire.ts';
import {
  commandOf,
  componentsOf,
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
      (options.components ?? []).length === 0
        ? ''
        : ` --components ${componentsOf(parts.appliance, options.components).join(',')}`;
    say('\nnothing was changed; to do it:');
    sayCommand(commandOf(globals, `restore start --at ${backupId}${components} --reason '…'`));
  });
}

/** Reads the recovery point and asks every driver about its target; changes nothing. */
export async function planHere(
  { appliance, repository: open, driver }: Parts,
  options: SelectOptions,
): Promise<PlanView> {
  const chosen = componentsOf(appliance, options.components);
  const repository = await open();
  const manifest = await repository.findManifest(options.at, chosen);
  const configured = appliance.components.map(({ id }) => id);
  const records = manifest.lifeboat.components.filter(
    ({ id }) => (chosen.length === 0 || chosen.includes(id)) && configured.includes(id),
  );
  const targets = await Promise.all(
    records.map(async ({ id }) => describeTarget(driver(id), await recordOf(repository, manifest.timestamp, id))),
  );
  const plan = makePlan({
    appliance,
    manifest,
    targets: targets.flat(),
    chosen,
    now: new Date(),
    stopFirst: options.stopFirst ?? false,
    replaceDamaged: options.replaceDamaged ?? false,
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
