/** Where a restore's data comes from, and the plan to bring it back: a recovery point, or what the last restore replaced. */
import type { ApplianceView } from '../../activities/control.ts';
import type { PointView } from '../../activities/recovery-points.ts';
import { goalFields, roleOfKind } from '../../src/domain/replayed.ts';
import type { RestoreInput } from '../messages.ts';
import { components, control, priority, storage } from '../proxies.ts';
import type { RunDisplay } from '../run/display.ts';
import type { RestorePlan } from '../../src/domain/restore/types.ts';

export interface RestoreSource {
  readonly plan: RestorePlan;
  /** Empty where nothing is read from one. */
  readonly repositoryId: string;
}

export async function sourceOf(
  appliance: ApplianceView,
  input: RestoreInput,
  display: RunDisplay,
): Promise<RestoreSource> {
  return input.undo === true ? keptSource(appliance, input) : pointSource(appliance, input, display);
}

export function showPlan(display: RunDisplay, { undoes, backupId, steps }: RestorePlan): void {
  display.subject(undoes === undefined ? backupId : `data before ${undoes.lockStart.slice(0, 19)}Z`);
  display.plan(steps);
}

/** Which copy of the repository is read. */
export function copyOf({ from = '' }: RestoreInput): { readonly location?: string } {
  return from === '' ? {} : { location: from };
}

async function pointSource({ host }: ApplianceView, input: RestoreInput, display: RunDisplay): Promise<RestoreSource> {
  const chosen = input.components ?? [];
  const { at = 'latest', rebuild = [] } = input;
  const copy = copyOf(input);
  const point = await storage(host, {
    id: 'find:recovery-point',
    summary: `find ${at}`,
    priority: priority.restore,
  }).resolvePoint({
    at,
    components: chosen,
    rebuild,
    ...copy,
    ...goalFields(input),
  });
  display.subject(point.backupId);
  const targets = await Promise.all(
    point.components.map(async ({ id, role, host: on, backupId }) =>
      components(
        { role, host: on },
        { id: `look:${id}`, summary: `look at the target of ${id}`, priority: priority.restore },
      ).describeTarget({
        repositoryId: point.repositoryId,
        backupId,
        component: id,
        ...walOf(point.artefacts, id),
        ...copy,
      }),
    ),
  );
  const plan = await storage(host, { id: 'make:plan', priority: priority.restore }).makePlan({
    repositoryId: point.repositoryId,
    backupId: point.backupId,
    at,
    goal: goalFields(input),
    artefacts: point.artefacts,
    skewSeconds: point.skewSeconds,
    components: chosen,
    rebuild,
    targets: targets.flat(),
    stopFirst: input.stopFirst ?? false,
    replaceDamaged: input.replaceDamaged ?? false,
    keepNew: input.keepNew ?? false,
    now: new Date().toISOString(),
    ...copy,
  });
  return { plan, repositoryId: point.repositoryId };
}

function walOf(artefacts: PointView['artefacts'], component: string): Pick<PointView['artefacts'][number], 'wal'> {
  const { wal } = artefacts.find((artefact) => artefact.component === component) ?? {};
  return wal === undefined ? {} : { wal };
}

async function keptSource({ components: all }: ApplianceView, input: RestoreInput): Promise<RestoreSource> {
  const kept = await Promise.all(
    all.map(async ({ id, kind, host }) =>
      components(
        { role: roleOfKind(kind), host },
        { id: `look:${id}`, summary: `look what ${id} keeps`, priority: priority.restore },
      ).describeKept({ component: id }),
    ),
  );
  const plan = await control({ id: 'make:plan' }).makeUndoPlan({
    kept: kept.flatMap((view) => view ?? []),
    components: input.components ?? [],
    keepNew: input.keepNew ?? false,
    now: new Date().toISOString(),
  });
  return { plan, repositoryId: '' };
}
