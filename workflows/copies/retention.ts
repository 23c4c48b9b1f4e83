/**
 * Removes from the repository and from every location what has had its time. `{}` changes nothing: it shows what would
 * go. A place that refuses (an unreadable manifest, a clock that jumped, too many at once) is told and left as it is;
 * the others do not wait for it.
 */
import { ApplicationFailure, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { defaultMaxShare, formatBytes, plural, stateWords } from '../../src/domain/replayed.ts';
import type { Given, RetentionInput, RetentionResult } from '../messages.ts';
import { priority, upkeep } from '../proxies.ts';
import type { RunDisplay } from '../run/display.ts';
import { failureText } from '../run/failure.ts';
import { requireKnown } from '../run/known.ts';
import { requireLock } from '../run/lock.ts';
import type { Message } from '../run/notification.ts';
import { askedBy, runProcedure } from '../run/run.ts';

type Place = RetentionResult['places'][number];

export async function retention(...given: Given<RetentionInput>): Promise<RetentionResult> {
  const places: Place[] = [];
  return runProcedure<RetentionInput, RetentionResult>(given, {
    body: async (run) => {
      const { appliance, input, display } = run;
      const chosen = choosePlaces(input, appliance);
      if (input.apply === true) await requireLock(run, { purpose: 'retention' });
      display.state({ status: input.apply === true ? 'removing' : 'planning' });
      display.declare(chosen.map((place) => `retention:${place}`));
      for (const place of chosen) places.push(await retain(place, input, appliance, display));
      display.state({ status: input.apply !== true ? 'planned' : refusedOf(places).length > 0 ? 'failed' : 'done' });
      return { state: input.apply === true ? 'done' : 'planned', places };
    },
    tell: ({ appliance, input, state, failed }) =>
      input.apply === true ? messagesOf(appliance.name, stateWords(state), places, failed) : [],
    evidence: ({ input, failed }) => ({
      text: failed === '' ? refusalText(places) : failed,
      removed: places.map(({ place, plan, collected }) => ({
        place,
        points: [...(collected === null ? [] : (plan?.remove ?? []))],
        bytes: collected?.removedBytes ?? 0,
      })),
      ...askedBy(input),
    }),
    verdict: (result, { input }) =>
      input.apply === true && refusedOf(result.places).length > 0
        ? ApplicationFailure.nonRetryable(refusalText(result.places), 'Precondition')
        : undefined,
  });
}

function refusedOf(places: readonly Place[]): Place[] {
  return places.filter(({ problem }) => problem !== '');
}

function refusalText(places: readonly Place[]): string {
  return refusedOf(places)
    .map(({ place, problem }) => `${place}: ${problem}`)
    .join('; ');
}

function messagesOf(appliance: string, state: string, places: readonly Place[], failed: string): Message[] {
  const text = failed === '' ? refusalText(places) : failed;
  return [
    ...(text === ''
      ? []
      : [
          {
            topic: 'outcome',
            severity: 'warning',
            text: `Retention of ${appliance} ${state}: ${text.slice(0, 1500)}`,
          } as const,
        ]),
    ...places.flatMap(({ place, plan }): Message[] =>
      plan === null || plan.alarm === ''
        ? []
        : [{ topic: `capacity-${place}`, severity: 'warning', text: `${appliance}: ${place} ${plan.alarm}` }],
    ),
  ];
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
  const maxShare = input.maxShare ?? defaultMaxShare;
  try {
    const plan = await upkeep(appliance.host, {
      id: `expire:${place}`,
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
      id: `remove:${place}`,
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
    const problem = failureText(error);
    display.step(step, 'failed', problem.slice(0, 200));
    return { place, plan: null, collected: null, problem };
  }
}

function planText({ keep, removeCount }: { readonly keep: number; readonly removeCount: number }): string {
  return `${plural(removeCount, 'recovery point')} would leave, ${keep} stay`;
}

function choosePlaces({ place = '' }: RetentionInput, { locations }: ApplianceView): readonly string[] {
  const known = [repositoryPlace, ...locations];
  if (place === '') return known;
  requireKnown('place', [place], known, () => ({ place: repositoryPlace }));
  return [place];
}
