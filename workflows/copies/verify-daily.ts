/**
 * The daily validation (D4.5): the newest recovery point of every place, and a share of all else that lies there. The
 * guide's own words are posted where it fails, so that what people have built on them goes on working; what is wrong
 * follows in a message of its own.
 */
import { ApplicationFailure, isCancellation } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { formatBytes, plural } from '../../src/domain/replayed.ts';
import type { Given, VerifyDailyInput, VerifyDailyResult } from '../messages.ts';
import { priority, upkeep } from '../proxies.ts';
import type { RunDisplay } from '../run/display.ts';
import { failureText, rootCode } from '../run/failure.ts';
import type { Message } from '../run/notification.ts';
import { askedBy, runProcedure, type Run } from '../run/run.ts';

const repositoryPlace = 'repository';

type Place = VerifyDailyResult['places'][number];

export async function verifyDaily(...given: Given<VerifyDailyInput>): Promise<VerifyDailyResult> {
  return runProcedure<VerifyDailyInput, VerifyDailyResult>(given, {
    body: verifyPlaces,
    tell: ({ appliance, result }) => failedPlaces(result).flatMap((place) => messagesOf(appliance.name, place)),
    evidence: ({ result, failed, input }) => {
      const { places } = result ?? { places: [] };
      return {
        text: failed === '' ? textOf(failedPlaces(result)) : failed,
        backup: places[0]?.id ?? '',
        objects: places.reduce((sum, { objects }) => sum + objects, 0),
        bytes: places.reduce((sum, { bytes }) => sum + bytes, 0),
        ...askedBy(input),
      };
    },
    verdict: (result) => {
      const bad = failedPlaces(result);
      return bad.length === 0 ? undefined : ApplicationFailure.nonRetryable(textOf(bad), 'ObjectCorrupt');
    },
  });
}

async function verifyPlaces({ appliance, display }: Run<VerifyDailyInput>): Promise<VerifyDailyResult> {
  display.state({ status: 'verifying' });
  const names = [repositoryPlace, ...appliance.locations];
  display.declare(names.map((name) => `verify:${name}`));
  const places: Place[] = [];
  for (const name of names) places.push(await verify(name, appliance, display));
  display.state({ status: places.every(({ problem }) => problem === '') ? 'verified' : 'failed' });
  return { places };
}

function failedPlaces(result: VerifyDailyResult | undefined): Place[] {
  return (result?.places ?? []).filter(({ problem }) => problem !== '');
}

function textOf(places: readonly Place[]): string {
  return places.map(({ place, problem }) => `${place}: ${problem}`).join('; ');
}

function messagesOf(appliance: string, { place, problem, literal }: Place): Message[] {
  const severity = 'critical';
  return [
    ...(literal === '' ? [] : [{ topic: `literal-${place}`, severity, text: literal, isLiteral: true } as const]),
    { topic: place, severity, text: `${appliance}, ${place}: ${problem.slice(0, 1500)}` },
  ];
}

/** The guide's own words. */
const noManifest = 'No backup manifest found';

async function verify(place: string, appliance: ApplianceView, display: RunDisplay): Promise<Place> {
  const step = `verify:${place}`;
  display.step(step, 'running');
  try {
    const result = await upkeep(appliance.host, {
      id: step,
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
    const problem = failureText(error);
    display.step(step, 'failed', problem.slice(0, 200));
    const literal = rootCode(error) === 'RepositoryMissing' ? noManifest : '';
    return { place, id: '', problem, literal, objects: 0, bytes: 0, reread: 0 };
  }
}
