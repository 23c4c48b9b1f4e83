/** Readings of the RPO clocks, from the repository alone: they hold with worker and Temporal dead. */
import { z } from 'zod';
import { stateWords } from '../../domain/run-state.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { levelsOf, rpoLevel, rpoLevels, rpoNews, type RpoLevels, type RpoReading } from '../../domain/rpo.ts';
import type { Repository } from '../../repository/repository.ts';
import { readLocationAges } from './location-coverage.ts';
import { readCoverage, type ComponentAge, type EndedRun } from './coverage.ts';

export const rpoReport = 'rpo';

export const rpoLevelsSchema = z.record(z.string(), z.enum(rpoLevels));

/** What the last look saw; kept so that each mark is told once, whoever looks next. */
const rpoState = z.object({ at: z.iso.datetime(), levels: rpoLevelsSchema });
export type RpoState = Readonly<z.infer<typeof rpoState>>;

export async function readRpo(repository: Repository, appliance: Appliance, now: Date): Promise<RpoReading[]> {
  const { components, lastBackup } = await readCoverage(repository, appliance, now);
  const locations = await readLocationAges(repository, appliance, now);
  return [
    ...components.flatMap((component) =>
      readingsOf(
        appliance,
        { place: 'repository', offHost: false, problem: troubleOf(lastBackup, component, now) },
        component,
        now,
      ),
    ),
    ...locations.flatMap(({ location, offHost, components: there, problem }) =>
      there.flatMap((component) =>
        readingsOf(
          appliance,
          { place: location, offHost, problem: problem === '' ? '' : 'it does not answer' },
          component,
          now,
        ),
      ),
    ),
  ];
}

/** What became of the last backup, where that may be why a component ages. */
function troubleOf(lastBackup: EndedRun | null, { id, objectiveSeconds }: ComponentAge, now: Date): string {
  if (lastBackup === null) return '';
  const { state, text, endedAt } = lastBackup;
  const concerns = state.status !== 'partial' || text.includes(id);
  if (state.status !== 'sealed' && concerns) return `the last backup ended ${stateWords(state)}: ${text.slice(0, 160)}`;
  const isLong = (now.getTime() - Date.parse(endedAt)) / 1000 > objectiveSeconds;
  return isLong ? `no backup has ended since ${endedAt.slice(0, 16)}Z` : '';
}

type Age = Omit<ComponentAge, 'breached'>;

function readingsOf(
  { components, objectives }: Appliance,
  { place, offHost, problem = '' }: { readonly place: string; readonly offHost: boolean; readonly problem?: string },
  { id, ageSeconds, objectiveSeconds, verifiedUntil, unprovenSince, wal }: Age,
  now: Date,
): RpoReading[] {
  const recoverable: RpoReading = {
    clock: 'recoverable',
    place,
    offHost,
    component: id,
    tier: components.find((config) => config.id === id)?.tier ?? 'critical',
    ageSeconds,
    verifiedUntil,
    objectiveSeconds,
    level: rpoLevel(ageSeconds, objectiveSeconds),
    reason: reasonOf(problem, wal?.state === 'broken' ? wal.reason : ''),
  };
  // Without a copy there is nothing to verify, and the other clock says so.
  if (unprovenSince === null) return [recoverable];
  const unprovenSeconds = Math.max(0, (now.getTime() - Date.parse(unprovenSince)) / 1000);
  const verified: RpoReading = {
    ...recoverable,
    clock: 'verified',
    ageSeconds: unprovenSeconds,
    objectiveSeconds: objectives.verifiedSeconds,
    level: rpoLevel(unprovenSeconds, objectives.verifiedSeconds),
    reason: reasonOf(problem, verifiedUntil === null ? 'no copy was ever verified there' : ''),
  };
  return [recoverable, verified];
}

function reasonOf(...reasons: readonly string[]): string {
  return reasons.filter((text) => text !== '').join(', ');
}

/** What people must hear since the last look. Stored with `storeRpoState` when they were told: once too often is better than never. */
export async function rpoNewsSince(
  repository: Repository,
  appliance: Appliance,
  now: Date,
): Promise<{ readonly readings: readonly RpoReading[]; readonly news: readonly string[]; readonly levels: RpoLevels }> {
  const readings = await readRpo(repository, appliance, now);
  const before = await lastRpoState(repository);
  const levels = levelsOf(readings);
  return { readings, levels, news: rpoNews(readings, before?.levels ?? {}) };
}

export async function storeRpoState(repository: Repository, { at, levels }: RpoState): Promise<void> {
  await repository.putReport(rpoReport, 'state', { at, levels });
}

/** Undefined also where it cannot be understood: then every mark that is reached is told again. */
export async function lastRpoState(repository: Repository): Promise<RpoState | undefined> {
  return rpoState.safeParse(await repository.findReport(rpoReport, 'state')).data;
}
