/**
 * Which artefact of each component a restore takes. For a recovery point all are its own. For a moment PostgreSQL takes
 * its newest base before it and replays the archive up to it; every other component takes its newest artefact that is
 * not after it.
 */
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { parseLsn } from '../../domain/lsn.ts';
import { isRefuted, type BackupId, type ComponentRecord, type Manifest } from '../../domain/recovery-point.ts';
import type { GoalFields, Moment, RestoreGoal } from '../../domain/restore/target.ts';
import { foreignHint, foreignOwner, ownPoints } from '../../domain/whose-point.ts';
import { zonedTime } from '../../domain/zoned-time.ts';
import type { Repository } from '../../repository/repository.ts';
import { baseFor } from './select-base.ts';
import { heldComponents, requireKnown } from './known-components.ts';
import { leftToRestore, requireRebuildable } from './rebuildable.ts';
import { requireChain } from '../wal/chain.ts';
import type { Artefact } from './artefact.ts';

export interface Choice {
  /** The recovery point that the restore is named after: of the database, or the newest of all. */
  readonly backupId: BackupId;
  readonly artefacts: readonly Artefact[];
  readonly skewSeconds: number;
  /** The other appliance whose recovery point it is: it was named by its id. */
  readonly foreign?: string;
}

export interface ChoiceOptions {
  readonly repository: Repository;
  readonly appliance: Appliance;
  readonly goal: RestoreGoal;
  /** A recovery point: an id, a prefix, `latest`. With a moment it is where the database begins; `latest` leaves that open. */
  readonly at: string;
  /** Empty means all. */
  readonly components: readonly string[];
  /** Not restored: the application makes them anew afterwards. */
  readonly rebuild?: readonly string[];
}

/** InputInvalid for two goals at once, or for one that cannot be read. */
export function goalOf({ toTime = '', toLsn = '', toName = '', toLatest = false, timeline }: GoalFields): RestoreGoal {
  const on = timelineOf(timeline);
  const asked: Moment[] = [
    ...(toTime === '' ? [] : [{ kind: 'time' as const, value: timeOf(toTime), ...on }]),
    ...(toLsn === '' ? [] : [{ kind: 'lsn' as const, value: positionOf(toLsn), ...on }]),
    ...(toName === '' ? [] : [{ kind: 'name' as const, value: toName, ...on }]),
    ...(toLatest ? [{ kind: 'latest' as const, ...on }] : []),
  ];
  const [goal, ...others] = asked;
  if (others.length > 0)
    throw new LifeboatError('InputInvalid', 'a restore goes to one moment: a time, a position, a name or the latest');
  if (goal === undefined && timeline !== undefined)
    throw new LifeboatError('InputInvalid', 'a recovery point lies on its own timeline', {
      hint: 'give a moment beside the timeline: a time, a position, a name or the latest',
    });
  return goal ?? { kind: 'point' };
}

function timelineOf(timeline: number | undefined): { readonly timeline?: number } {
  if (timeline === undefined) return {};
  if (Number.isInteger(timeline) && timeline > 0) return { timeline };
  throw new LifeboatError('InputInvalid', `timeline ${timeline} is no number of one`, { hint: 'write for example 2' });
}

/** As it was written: the database knows microseconds. */
function timeOf(text: string): string {
  zonedTime(text);
  return text;
}

function positionOf(text: string): string {
  try {
    parseLsn(text);
    return text;
  } catch {
    throw new LifeboatError('InputInvalid', `\`${text}\` is not a WAL position`, {
      hint: 'write for example 0/3000148',
    });
  }
}

/** NotFound or Ambiguous for the recovery point; Precondition, with both ends, for a moment that cannot be reached. */
export async function selectArtefacts(options: ChoiceOptions): Promise<Choice> {
  const { repository, goal, at, components, rebuild = [] } = options;
  await requireKnown(options.appliance, components, async () => heldComponents(repository));
  requireRebuildable(options.appliance, rebuild);
  leftToRestore(components, rebuild);
  if (goal.kind === 'point') {
    const wanted = components.length > 0 ? components : await expected(options);
    const manifest = await repository.findManifest(
      at,
      wanted.filter((id) => !rebuild.includes(id)),
    );
    const foreign = foreignOf(manifest, options);
    // All of them: the plan names what was chosen and is not there. A hole in what was not chosen is no news here.
    const records = manifest.lifeboat.components.filter(({ id }) => !rebuild.includes(id));
    const artefacts = await Promise.all(
      records.map(async (record) =>
        components.length === 0 || components.includes(record.id)
          ? chained(repository, manifest.timestamp, record)
          : { backupId: manifest.timestamp, record, moment: record.capturedUntil },
      ),
    );
    const { skewSeconds } = manifest.lifeboat;
    return { backupId: manifest.timestamp, artefacts, skewSeconds, ...(foreign === undefined ? {} : { foreign }) };
  }
  return chooseForMoment(options, goal);
}

/** Precondition for a point of another appliance that was not asked for by its whole id: nobody takes one by mistake. */
function foreignOf(manifest: Manifest, { appliance, at }: ChoiceOptions): string | undefined {
  const foreign = foreignOwner(manifest, appliance);
  if (foreign === undefined || at === manifest.timestamp) return foreign;
  throw new LifeboatError(
    'Precondition',
    `recovery point ${manifest.timestamp} is of the appliance \`${foreign}\`, not of \`${appliance.name}\``,
    { hint: foreignHint },
  );
}

/**
 * What `latest` must hold where everything is wanted: each configured component that some recovery point holds. A point
 * may have been whole when less was configured, as by the few lines with which a lost host begins.
 */
async function expected({ repository, appliance }: ChoiceOptions): Promise<string[]> {
  const own = ownPoints(await repository.listManifests());
  const held = new Set(own.flatMap(({ lifeboat }) => lifeboat.components.map(({ id }) => id)));
  return appliance.components.map(({ id }) => id).filter((id) => held.has(id));
}

/** The record, with the WAL that leads to its state where it is one on an older base. ObjectMissing where that has a hole. */
async function chained(repository: Repository, backupId: BackupId, record: ComponentRecord): Promise<Artefact> {
  const moment = record.capturedUntil;
  if (record.chain === undefined) return { backupId, record, moment };
  const { timeline, endLsn } = record.chain;
  await requireChain(repository, backupId, record);
  return { backupId, record, moment, wal: { kind: 'point', value: endLsn, timeline, endLsn } };
}

async function chooseForMoment(
  { repository, appliance, at, components, rebuild = [] }: ChoiceOptions,
  goal: Exclude<RestoreGoal, { kind: 'point' }>,
): Promise<Choice> {
  const wanted = appliance.components.filter(
    ({ id }) => (components.length === 0 || components.includes(id)) && !rebuild.includes(id),
  );
  const points = await usablePoints(repository);
  const bases = await Promise.all(
    wanted.filter(({ kind }) => kind === 'postgres').map(async ({ id }) => baseFor(repository, id, goal, at)),
  );
  const limit = momentOf(goal, bases, points);
  const artefacts = wanted.flatMap(({ id, kind }): Artefact[] => {
    const base = bases.find(({ record }) => record.id === id);
    if (base !== undefined) return [base];
    const point = points.find((each) => {
      const record = recordIn(each, id);
      return record?.kind === kind && !record.suspect && record.capturedUntil <= limit;
    });
    const record = point === undefined ? undefined : recordIn(point, id);
    if (point === undefined || record === undefined) throw noneBefore(id, limit, points);
    return [{ backupId: point.timestamp, record, moment: record.capturedUntil }];
  });
  const [named] = [...bases, ...artefacts];
  if (named === undefined) throw new LifeboatError('NotFound', 'no component is configured to be restored');
  return { backupId: named.backupId, artefacts, skewSeconds: skewOf(artefacts) };
}

/** The others must not be newer than the database. When a name was given nobody knows: its recovery point is taken whole. */
function momentOf(goal: RestoreGoal, bases: readonly Artefact[], points: readonly Manifest[]): string {
  const [base] = bases;
  if (goal.kind === 'time') return new Date(goal.value).toISOString();
  if (goal.kind === 'latest' || base === undefined) return '9999';
  const whole = points.find(({ timestamp }) => timestamp === base.backupId)?.lifeboat.components ?? [];
  const times = goal.kind === 'name' ? whole.map(({ capturedUntil }) => capturedUntil) : [];
  return [base.moment, ...times].reduce((most, each) => (each > most ? each : most));
}

async function usablePoints(repository: Repository): Promise<Manifest[]> {
  const points = ownPoints(await repository.listManifests());
  const proofs = await repository.proofBook();
  const states = await proofs.states(points.map(({ timestamp }) => timestamp));
  return points.filter(({ timestamp }) => !isRefuted(states.get(timestamp)));
}

function recordIn({ lifeboat }: Manifest, id: string): ComponentRecord | undefined {
  return lifeboat.components.find((record) => record.id === id);
}

function noneBefore(id: string, limit: string, points: readonly Manifest[]): LifeboatError {
  const oldest = points.flatMap((point) => recordIn(point, id)?.capturedUntil ?? []).at(-1);
  const have = oldest === undefined ? 'there is none' : `the oldest is of ${oldest}`;
  return new LifeboatError('Precondition', `no good copy of \`${id}\` from before ${limit}: ${have}`, {
    component: id,
    hint: 'choose a later moment, let the application build a vector store anew (`--rebuild`), or leave the component as it is: name the others with `--components`',
  });
}

function skewOf(artefacts: readonly Artefact[]): number {
  const times = artefacts.map(({ moment }) => Date.parse(moment)).filter((time) => !Number.isNaN(time));
  return times.length === 0 ? 0 : (Math.max(...times) - Math.min(...times)) / 1000;
}
