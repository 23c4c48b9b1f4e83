/** `lifeboat restore plan`: in this process, so that it works with Temporal dead; the run makes the same plan. */
import { goalWords, type GoalFields } from '../../domain/restore/target.ts';
import { heldComponents } from '../../operations/restore/known-components.ts';
import { planHere } from '../../operations/restore/plan-here.ts';
import type { RestorePlan } from '../../domain/restore/types.ts';
import type { Parts } from '../../../workers/parts.ts';
import { componentsOf, listOf, withParts } from '../context.ts';
import { commandOf, type GlobalOptions } from '../globals.ts';
import { planText } from '../output/plan.ts';
import { print, printJson, say, sayCommand } from '../output/speak.ts';

export interface SelectOptions extends GoalFields {
  readonly at: string;
  /** Location whose copy is read. */
  readonly from?: string;
  readonly components?: readonly string[];
  readonly rebuild?: readonly string[];
  readonly stopFirst?: boolean;
  readonly replaceDamaged?: boolean;
  readonly keepNew?: boolean;
}

export async function restorePlan(globals: GlobalOptions, options: SelectOptions): Promise<void> {
  await withParts(globals, async (parts) => {
    const plan = await localPlan(parts, options);
    if (globals.output === 'json') return printJson(plan);
    print(planText(plan));
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
        `restore start ${goal === '' ? `--at ${plan.backupId}` : goal}${from}${components}${rebuild} --reason '…'`,
      ),
    );
  });
}

export async function localPlan(parts: Parts, options: SelectOptions): Promise<RestorePlan> {
  const components = await restorableOf(parts, options);
  return planHere(parts, { ...options, components, rebuild: listOf(options.rebuild) });
}

/** What may be asked for: also what only a recovery point knows any more, for the plan says best what that needs. */
export async function restorableOf(
  { appliance, repository }: Parts,
  { components, from }: Pick<SelectOptions, 'components' | 'from'>,
): Promise<string[]> {
  return componentsOf(appliance, components, async () => heldComponents(await repository(undefined, from)));
}
