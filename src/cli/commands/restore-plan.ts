/** `lifeboat restore plan`: in this process, so that it works with Temporal dead; the run makes the same plan. */
import type { Manifest } from '../../domain/recovery-point.ts';
import type { GoalFields } from '../../domain/restore/target.ts';
import { datedPoint, disprovedDates, disprovedText, newestFirst } from '../../domain/seal-order.ts';
import type { Repository } from '../../repository/repository.ts';
import { chooseArtefacts, goalOf } from '../../operations/restore/select-artefacts.ts';
import { heldComponents } from '../../operations/restore/known-components.ts';
import { lostOf } from '../../operations/recovery-points/lost.ts';
import { pastRestores } from '../../operations/restore/history.ts';
import { describeTarget, fittingArtefacts, makePlan } from '../../operations/restore/make-plan.ts';
import { spotCheck } from '../../operations/restore/spot-check.ts';
import type { Parts } from '../../../workers/parts.ts';
import { componentsOf, listOf, withParts } from '../context.ts';
import { commandOf, type GlobalOptions } from '../globals.ts';
import { print, printJson, say, sayCommand } from '../output/speak.ts';
import { planText, type PlanView } from '../output/plan.ts';
import type { ManifestListing } from '../../repository/manifest-listing.ts';

export interface SelectOptions extends GoalFields {
  readonly at: string;
  /** Location whose copy is read. */
  readonly from?: string;
  readonly components?: readonly string[];
  readonly rebuild?: readonly string[];
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
    const goal = goalWords(options);
    const components =
      (options.components ?? []).length === 0 ? '' : ` --components ${listOf(options.components).join(',')}`;
    const rebuild = (options.rebuild ?? []).length === 0 ? '' : ` --rebuild ${listOf(options.rebuild).join(',')}`;
    const from = options.from === undefined ? '' : ` --from ${options.from}`;
    say('');
    say('nothing was changed; to do it:');
    sayCommand(
      commandOf(
        globals,
        `restore start ${goal === '' ? `--at ${backupId}` : goal}${from}${components}${rebuild} --reason '…'`,
      ),
    );
  });
}

/** What may be asked for: also what only a recovery point knows any more, for the plan says best what that needs. */
export async function restorableOf(
  { appliance, repository }: Parts,
  { components, from }: Pick<SelectOptions, 'components' | 'from'>,
): Promise<string[]> {
  return componentsOf(appliance, components, async () => heldComponents(await repository(undefined, from)));
}

/** Reads the recovery point and asks every driver about its target; changes nothing. */
export async function planHere(parts: Parts, options: SelectOptions): Promise<PlanView> {
  const { appliance, driver } = parts;
  const chosen = await restorableOf(parts, options);
  const rebuild = listOf(options.rebuild);
  const repository = await parts.repository(undefined, options.from);
  const choice = await chooseArtefacts({
    repository,
    appliance,
    goal: goalOf(options),
    at: options.at,
    components: chosen,
    rebuild,
  });
  const configured = appliance.components.map(({ id }) => id);
  const targets = await Promise.all(
    fittingArtefacts(choice, appliance, chosen).map(async ({ artefact: { record, wal } }) =>
      describeTarget(await driver(record.id), record, wal),
    ),
  );
  const plan = await makePlan({
    appliance,
    choice,
    targets: targets.flat(),
    chosen,
    rebuild,
    now: new Date(),
    stopFirst: options.stopFirst ?? false,
    replaceDamaged: options.replaceDamaged ?? false,
    pastRuns: await pastRestores(repository),
    objectProblems: await spotCheck(repository, choice.artefacts, chosen),
  });
  const isPoint = goalOf(options).kind === 'point';
  const passedOver =
    options.at === 'latest' && isPoint ? await newerThan(repository, choice.backupId, options.from === undefined) : [];
  return {
    plan,
    notHeld:
      chosen.length > 0
        ? []
        : configured.filter((id) => !rebuild.includes(id) && !choice.artefacts.some(({ record }) => record.id === id)),
    passedOver: passedOver.map(
      ({ listing, since }) =>
        `${listing.timestamp}: ${since === undefined ? reasonAgainst(listing, chosen.length > 0 ? chosen : configured) : disprovedText(since)}`,
    ),
  };
}

interface Newer {
  readonly listing: ManifestListing;
  /** Only its date says so, and this recovery point disproves that. */
  readonly since?: string;
}

/** Newest first; of the repository itself also what was sealed and is gone. */
async function newerThan(repository: Repository, id: string, isOwn: boolean): Promise<Newer[]> {
  const listings = await repository.listManifests();
  const known = new Set(listings.map(({ timestamp }) => timestamp));
  const lost = isOwn ? await lostOf(repository, { reports: 'recent' }) : [];
  const all = newestFirst([...listings, ...lost.filter(({ timestamp }) => !known.has(timestamp))], datedPoint);
  const disproved = disprovedDates(all.map(datedPoint));
  const at = all.findIndex(({ timestamp }) => timestamp === id);
  return all.flatMap((listing, index): Newer[] => {
    if (index < at) return [{ listing }];
    const since = disproved.get(listing.timestamp);
    return since === undefined || listing.timestamp < id ? [] : [{ listing, since }];
  });
}

/** The goal as it is written on the command line; empty for a recovery point. */
export function goalWords({ toTime, toLsn, toName, toLatest, timeline }: GoalFields): string {
  const on = timeline === undefined ? '' : ` --timeline ${timeline}`;
  if (toTime !== undefined) return `--to-time ${toTime}${on}`;
  if (toLsn !== undefined) return `--to-lsn ${toLsn}${on}`;
  if (toName !== undefined) return `--to-name '${toName}'${on}`;
  return toLatest === true ? `--to-latest${on}` : '';
}

function reasonAgainst({ manifest, problem, foreign }: ManifestListing, wanted: readonly string[]): string {
  if (manifest === undefined) return problem ?? 'cannot be read';
  if (foreign !== undefined) return `of the appliance \`${foreign}\``;
  const lacking = wanted.filter((id) => !holds(manifest, id));
  if (lacking.length > 0) return `without ${lacking.join(', ')}`;
  return manifest.success ? 'suspect, or its verification failed' : 'incomplete';
}

function holds(manifest: Manifest, id: string): boolean {
  return manifest.lifeboat.components.some((record) => record.id === id);
}
