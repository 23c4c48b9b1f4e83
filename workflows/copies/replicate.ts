/**
 * Brings every location up to date with the repository, all at once. A location that does not take it is tried again for
 * hours, and people are told at the first failure; the others do not wait for it. Takes no lock: a copy holds whole
 * recovery points only, whatever happens meanwhile.
 */
import { ApplicationFailure, isCancellation, sleep, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { formatBytes } from '../../src/domain/replayed.ts';
import type { Given, ReplicateInput, ReplicateResult } from '../messages.ts';
import { priority, upkeep } from '../proxies.ts';
import { startDetachedChild } from '../run/detached-child.ts';
import type { RunDisplay } from '../run/display.ts';
import { failureText, rootCode, rootMessage } from '../run/failure.ts';
import { requireKnown } from '../run/known.ts';
import { notify } from '../run/notification.ts';
import { askedBy, runProcedure } from '../run/run.ts';

/** Each attempt of an activity retries for minutes by itself. Together 3 h: then the next backup, or the daily sweep, begins anew. */
const pauses = ['2 minutes', '8 minutes', '20 minutes', '30 minutes', '1 hour', '1 hour'] as const;

type Arrived = ReplicateResult['locations'][number];

export async function replicate(...given: Given<ReplicateInput>): Promise<ReplicateResult> {
  let arrived: readonly Arrived[] = [];
  return runProcedure<ReplicateInput, ReplicateResult>(given, {
    body: async ({ appliance, input, display }) => {
      const chosen = chooseLocations(input, appliance);
      display.state({ status: 'copying' });
      display.declare(chosen.map((location) => `copy:${location}`));
      const ended = await Promise.allSettled(chosen.map(async (location) => copyTo(location, appliance, display)));
      arrived = ended.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      const failures = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
      if (failures.length > 0) throw together(failures);
      display.state({ status: 'replicated' });
      return { locations: arrived };
    },
    evidence: ({ input }) => ({
      bytes: arrived.reduce((sum, { bytes }) => sum + bytes, 0),
      objects: arrived.reduce((sum, { objects }) => sum + objects, 0),
      ...askedBy(input, 'schedule'),
    }),
  });
}

/** The first one where it is alone or a cancellation; else a failure that names them all, of the first one's kind. */
function together(failures: readonly unknown[]): unknown {
  const [first] = failures;
  const cancelled = failures.find((each) => isCancellation(each));
  if (failures.length === 1 || cancelled !== undefined) return cancelled ?? first;
  return ApplicationFailure.nonRetryable(failures.map(rootMessage).join('; '), rootCode(first));
}

async function copyTo(location: string, appliance: ApplianceView, display: RunDisplay): Promise<Arrived> {
  const step = `copy:${location}`;
  display.step(step, 'running');
  for (let failures = 0; ; failures += 1) {
    try {
      const { problems, ...arrived } = await upkeep(appliance.host, {
        id: step,
        summary: `copy to ${location}`,
        priority: priority.backup,
      }).replicate({ location, owner: workflowInfo().workflowId });
      const measure = { id: `measure:${location}`, summary: `what does ${location} hold?` };
      await upkeep(appliance.host, measure).measureExposure({ location });
      if (problems.length > 0)
        throw ApplicationFailure.nonRetryable(`${location} lacks ${problems.join('; ')}`, 'ObjectCorrupt');
      const points = arrived.points.length === 0 ? '' : `, ${arrived.points.join(', ')}`;
      display.step(step, 'done', `${formatBytes(arrived.bytes)} in ${arrived.objects} objects${points}`);
      if (failures > 0)
        await notify(appliance.name, {
          topic: `${location}-again`,
          severity: 'info',
          text: `${appliance.name}: ${location} is up to date again`,
        });
      return { location, ...arrived };
    } catch (error) {
      if (isCancellation(error)) throw error;
      await tellFailure(error, { location, appliance, display, isFirst: failures === 0 });
      const pause = pauses[failures];
      if (pause === undefined || rootCode(error) === 'ObjectCorrupt') {
        display.step(step, 'failed', rootMessage(error).slice(0, 200));
        throw error;
      }
      display.step(step, 'running', `again in ${pause}: ${rootMessage(error)}`.slice(0, 200));
      await sleep(pause, { summary: `until ${location} is tried again` });
    }
  }
}

async function tellFailure(
  error: unknown,
  {
    location,
    appliance,
    display,
    isFirst,
  }: {
    readonly location: string;
    readonly appliance: ApplianceView;
    readonly display: RunDisplay;
    readonly isFirst: boolean;
  },
): Promise<void> {
  const text = `${location} is not up to date: ${failureText(error)}`;
  display.note(text.slice(0, 300));
  if (isFirst)
    await notify(appliance.name, { topic: location, severity: 'warning', text: `${appliance.name}: ${text}` });
}

function chooseLocations({ location = '' }: ReplicateInput, { locations }: ApplianceView): readonly string[] {
  if (location === '') return locations;
  requireKnown('location', [location], locations, (known) => ({ location: known ?? 'offsite' }));
  return [location];
}

/** Starts one beside the caller, which does not wait for it. */
export async function startReplication({ name, locations }: ApplianceView, subject: string): Promise<void> {
  if (locations.length === 0) return;
  await startDetachedChild(replicate, {
    workflowId: `replicate/${name}/${subject}`,
    input: { requestedBy: workflowInfo().workflowId },
    summary: `copy ${subject} of ${name} to ${locations.join(', ')}`,
  });
}
