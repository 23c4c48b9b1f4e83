/**
 * Removes from the repository and from every location what has had its time. `{}` changes nothing: it shows what would
 * go. A place that refuses (an unreadable manifest, a clock that jumped, too many at once) is told and left as it is;
 * the others do not wait for it.
 */
import { ApplicationFailure, CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { formatBytes, plural, usualMaxShare } from '../../src/domain/replayed.ts';
import { begin } from '../run/begin.ts';
import { writeEvidence } from '../run/evidence.ts';
import { takeLockOrThrow, type HeldLock } from '../run/lock.ts';
import type { Given, RetentionInput, RetentionResult } from '../messages.ts';
import { notify } from '../run/notification.ts';
import { priority, upkeep } from '../proxies.ts';
import { rootCode, rootMessage } from '../plan/runner.ts';
import { RunDisplay } from '../run/display.ts';

type Place = RetentionResult['places'][number];

export async function retention(...given: Given<RetentionInput>): Promise<RetentionResult> {
  const display = new RunDisplay();
  const began = Date.now();
  const { appliance, input } = await begin(display, given);
  const chosen = choosePlaces(input, appliance);
  let lock: HeldLock | undefined;
  const places: Place[] = [];
  let failure: unknown;
  try {
    if (input.apply === true) lock = await takeLockOrThrow(appliance, 'retention', display);
    display.state(input.apply === true ? 'removing' : 'planning');
    display.declare(chosen.map((place) => `retention:${place}`));
    for (const place of chosen) places.push(await retain(place, input, appliance, display));
    display.state(input.apply !== true ? 'planned' : places.some(({ problem }) => problem !== '') ? 'failed' : 'done');
  } catch (error) {
    failure = error;
    display.state(isCancellation(error) ? 'cancelled' : 'failed');
  }
  await CancellationScope.nonCancellable(async () => {
    await lock?.release((text) => display.note(text));
    await conclude({ appliance, display, input, places, failure, began });
  });
  if (failure !== undefined) throw failure;
  const refused = places.filter(({ problem }) => problem !== '');
  if (refused.length > 0 && input.apply === true)
    throw ApplicationFailure.nonRetryable(
      refused.map(({ place, problem }) => `${place}: ${problem}`).join('; '),
      'Precondition',
    );
  return { state: input.apply === true ? 'done' : 'planned', places };
}

const repositoryPlace = 'repository';

async function retain(
  place: string,
  input: RetentionInput,
  appliance: ApplianceView,
  display: RunDisplay,
): Promise<Place> {
  const step = `retention:${place}`;
  display.step(step, 'running');
  const location = place === repositoryPlace ? '' : place;
  const maxShare = input.maxShare ?? usualMaxShare;
  try {
    const plan = await upkeep(appliance.host, {
      summary: `what may leave ${place}?`,
      priority: priority.backup,
    }).planRetention({ location, maxShare });
    if (plan.alarm !== '') display.note(`${place} ${plan.alarm}`);
    if (input.apply !== true || plan.refusals.length > 0) {
      const problem = plan.refusals.join('; ');
      display.step(step, problem === '' ? 'done' : 'failed', problem === '' ? planText(plan) : problem.slice(0, 200));
      return { place, plan, collected: null, problem };
    }
    const collected = await upkeep(appliance.host, {
      summary: `remove from ${place}`,
      priority: priority.backup,
    }).applyRetention({ location, maxShare, holder: workflowInfo().workflowId });
    const waits = collected.waitsFor.length === 0 ? '' : `, waits for ${collected.waitsFor.join(', ')}`;
    display.step(
      step,
      'done',
      `${plural(collected.expired, 'recovery point')}, ${formatBytes(collected.removedBytes)} gone${waits}`,
    );
    return { place, plan, collected, problem: '' };
  } catch (error) {
    if (isCancellation(error)) throw error;
    const problem = `${rootCode(error)}: ${rootMessage(error)}`;
    display.step(step, 'failed', problem.slice(0, 200));
    return { place, plan: null, collected: null, problem };
  }
}

function planText({ keep, removeCount }: { readonly keep: number; readonly removeCount: number }): string {
  return `${plural(removeCount, 'recovery point')} would leave, ${keep} stay`;
}

interface Conclusion {
  readonly appliance: ApplianceView;
  readonly display: RunDisplay;
  readonly input: RetentionInput;
  readonly places: readonly Place[];
  readonly failure: unknown;
  readonly began: number;
}

async function conclude({ appliance, display, input, places, failure, began }: Conclusion): Promise<void> {
  const { workflowId } = workflowInfo();
  const view = display.view();
  const text =
    failure === undefined
      ? places.flatMap(({ place, problem }) => (problem === '' ? [] : [`${place}: ${problem}`])).join('; ')
      : `${rootCode(failure)}: ${rootMessage(failure)}`;
  if (text !== '' && input.apply === true)
    await notify('outcome', `Retention of ${appliance.name} ${view.state}: ${text.slice(0, 1500)} (${workflowId})`);
  for (const { place, plan } of places)
    if (input.apply === true && plan !== null && plan.alarm !== '')
      await notify(`capacity-${place}`, `${appliance.name}: ${place} ${plan.alarm} (${workflowId})`);
  await writeEvidence(appliance, {
    state: view.state,
    text: text.slice(0, 2000),
    startedAt: new Date(began).toISOString(),
    endedAt: new Date().toISOString(),
    seconds: (Date.now() - began) / 1000,
    removed: places.map(({ place, plan, collected }) => ({
      place,
      points: [...(collected === null ? [] : (plan?.remove ?? []))],
      bytes: collected?.removedBytes ?? 0,
    })),
    steps: view.steps.map((step) => ({ ...step })),
    notes: [...view.notes],
    requestedBy: input.requestedBy ?? 'unknown',
    reason: input.reason ?? '',
  });
}

function choosePlaces({ place = '' }: RetentionInput, { locations = [] }: ApplianceView): readonly string[] {
  const known = [repositoryPlace, ...locations];
  if (place === '') return known;
  if (known.includes(place)) return [place];
  throw ApplicationFailure.nonRetryable(
    `unknown place ${place}; known are ${known.join(', ')}. Example: {"place":"${repositoryPlace}"}`,
    'InputInvalid',
  );
}
