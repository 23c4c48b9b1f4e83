/**
 * The daily validation (D4.5): the newest recovery point of every place, and a share of all else that lies there. The
 * guide's own words are posted where it fails, so that what people have built on them goes on working; what is wrong
 * follows in a message of its own.
 */
import { ApplicationFailure, CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { formatBytes, plural } from '../../src/domain/replayed.ts';
import { begin } from '../run/begin.ts';
import { writeEvidence } from '../run/evidence.ts';
import type { Given, VerifyDailyInput, VerifyDailyResult } from '../messages.ts';
import { notify } from '../run/notification.ts';
import { priority, upkeep } from '../proxies.ts';
import { rootCode, rootMessage } from '../plan/runner.ts';
import { RunDisplay } from '../run/display.ts';

const repositoryPlace = 'repository';

type Place = VerifyDailyResult['places'][number];

export async function verifyDaily(...given: Given<VerifyDailyInput>): Promise<VerifyDailyResult> {
  const display = new RunDisplay();
  const began = Date.now();
  const { appliance, input } = await begin(display, given);
  display.state('verifying');
  const names = [repositoryPlace, ...(appliance.locations ?? [])];
  display.declare(names.map((name) => `verify:${name}`));
  const places: Place[] = [];
  for (const name of names) places.push(await verify(name, appliance, display));
  const failed = places.filter(({ problem }) => problem !== '');
  display.state(failed.length === 0 ? 'verified' : 'failed');
  await CancellationScope.nonCancellable(async () => conclude({ appliance, display, places, began, input }));
  if (failed.length > 0)
    throw ApplicationFailure.nonRetryable(
      failed.map(({ place, problem }) => `${place}: ${problem}`).join('; '),
      'ObjectCorrupt',
    );
  return { places };
}

/** The guide's own words. */
const noManifest = 'No backup manifest found';

async function verify(place: string, appliance: ApplianceView, display: RunDisplay): Promise<Place> {
  const step = `verify:${place}`;
  display.step(step, 'running');
  try {
    const result = await upkeep(appliance.host, {
      summary: `verify ${place}`,
      priority: priority.backup,
    }).verifyPlace({ location: place === repositoryPlace ? '' : place });
    const { id, ok, objects, bytes, problems, notes, reread, refuted } = result;
    notes.forEach((note) => display.note(`${place}: ${note}`));
    if (refuted.length > 0) display.note(`${place}: damage touches ${refuted.join(', ')} too`);
    display.step(
      step,
      ok ? 'done' : 'failed',
      ok
        ? `${id ?? ''}: ${plural(objects, 'object')}, ${formatBytes(bytes)}; ${plural(reread, 'object')} of the month re-read`
        : (problems[0] ?? '').slice(0, 200),
    );
    const literal = id === null ? noManifest : `Backup validation failed for ${id}`;
    return {
      place,
      id: id ?? '',
      problem: ok ? '' : problems.join('; '),
      literal: ok ? '' : literal,
      objects,
      bytes,
      reread,
    };
  } catch (error) {
    if (isCancellation(error)) throw error;
    const problem = `${rootCode(error)}: ${rootMessage(error)}`;
    display.step(step, 'failed', problem.slice(0, 200));
    const literal = rootCode(error) === 'RepositoryMissing' ? noManifest : '';
    return { place, id: '', problem, literal, objects: 0, bytes: 0, reread: 0 };
  }
}

interface Conclusion {
  readonly appliance: ApplianceView;
  readonly display: RunDisplay;
  readonly places: readonly Place[];
  readonly began: number;
  readonly input: VerifyDailyInput;
}

async function conclude({ appliance, display, places, began, input }: Conclusion): Promise<void> {
  const { workflowId } = workflowInfo();
  for (const { place, problem, literal } of places) {
    if (problem === '') continue;
    if (literal !== '') await notify(`literal-${place}`, literal);
    await notify(place, `${appliance.name}, ${place}: ${problem.slice(0, 1500)} (${workflowId})`);
  }
  const view = display.view();
  await writeEvidence(appliance, {
    state: view.state,
    text: places
      .flatMap(({ place, problem }) => (problem === '' ? [] : [`${place}: ${problem}`]))
      .join('; ')
      .slice(0, 2000),
    backup: places[0]?.id ?? '',
    startedAt: new Date(began).toISOString(),
    endedAt: new Date().toISOString(),
    seconds: (Date.now() - began) / 1000,
    objects: places.reduce((sum, { objects }) => sum + objects, 0),
    bytes: places.reduce((sum, { bytes }) => sum + bytes, 0),
    steps: view.steps.map((step) => ({ ...step })),
    notes: [...view.notes],
    requestedBy: input.requestedBy ?? 'unknown',
  });
}
