/** The page for 03:00, on one screen. Pure. */
import type { Overview } from '../../client/overview.ts';
import type { RunSnapshot } from '../../client/runs.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { LocationAge } from '../../operations/rpo/location-coverage.ts';
import type { EndedRun, Coverage } from '../../operations/rpo/coverage.ts';
import { defaultColumns } from './redraw.ts';
import { runScreen } from './run-screen.ts';
import { stateWords } from '../../domain/run-state.ts';
import { plural } from '../../domain/plural.ts';
import { table } from './table.ts';
import { wrap } from './wrap.ts';

export interface NowPage {
  readonly appliance: string;
  readonly at: Date;
  readonly protection: Coverage | undefined;
  /** Recovery points that were sealed and are gone: which, and who says so. */
  readonly lost: readonly string[];
  readonly locations: readonly LocationAge[];
  /** Why the repository cannot be read; undefined where it can. */
  readonly repositoryProblem: string | undefined;
  /** Address of one that `--standalone` left running; undefined where there is none. */
  readonly privateServer: string | undefined;
  /** Undefined while Temporal does not answer. */
  readonly overview: Overview | undefined;
}

/** What is wrong, the worst first; empty while all is well. */
export function problemsOf(page: NowPage): string[] {
  const { protection, lost, locations, repositoryProblem, overview, at } = page;
  const found: string[] = [];
  if (repositoryProblem !== undefined) found.push(`REPOSITORY NOT READABLE: ${repositoryProblem}`);
  if (overview === undefined && page.privateServer !== undefined)
    found.push(
      `TEMPORAL DOES NOT ANSWER; a private server runs at ${page.privateServer}, with a run that is not over: look with \`lifeboat --standalone\``,
    );
  else if (overview === undefined) found.push('TEMPORAL DOES NOT ANSWER: nothing is backed up and no run moves');
  else if (!overview.hasWorker) found.push('NO WORKER: nothing is backed up and no run moves');
  found.push(...lost.map((text) => `GONE: ${text}`));
  if (protection !== undefined) found.push(...protectionProblems(protection, at));
  const isAnything = protection?.components.some(({ backupId }) => backupId !== null) ?? false;
  found.push(...locations.flatMap((location) => locationProblems(location, at, isAnything)));
  return [...found, ...scheduleProblems(overview?.schedules ?? [])];
}

function scheduleProblems(schedules: Overview['schedules']): string[] {
  const off = schedules.filter(({ enabled }) => !enabled).map(({ name }) => name);
  const absent = schedules.filter(({ enabled, view }) => enabled && view === undefined).map(({ name }) => name);
  return [
    ...(off.length === 0 ? [] : [`SCHEDULE OFF: lifeboat.yaml switches off ${off.join(', ')}`]),
    ...(absent.length === 0 ? [] : [`NO SCHEDULE ${absent.join(', ')}: the next worker that starts creates it`]),
    ...schedules.flatMap(({ name, view }) => {
      if (view?.paused === true)
        return [`SCHEDULE ${name} PAUSED: ${view.note === '' ? 'nobody said why' : view.note}`];
      const [first] = view?.missed ?? [];
      if (first === undefined || view === undefined) return [];
      return [`SKIPPED: ${name}, ${plural(view.missed.length, 'run')} due since ${first.slice(0, 16)}Z`];
    }),
  ];
}

function protectionProblems(protection: Coverage, at: Date): string[] {
  const { components, newest, failed, lastBackup, lastRestore, withoutBase } = protection;
  const found: string[] = [];
  if (failed.length > 0) found.push(`VERIFICATION FAILED: ${failed.join(', ')} protects nothing`);
  const without = components.filter(({ backupId }) => backupId === null).map(({ id }) => id);
  const late = components.filter(({ breached, backupId }) => breached && backupId !== null).map(({ id }) => id);
  if (without.length === components.length) found.push('UNPROTECTED: there is no recovery point yet');
  else if (without.length > 0) found.push(`UNPROTECTED: no copy of ${without.join(', ')}`);
  else if (newest === null) found.push('NO COMPLETE RECOVERY POINT: the newest copies stand in several');
  for (const { id, wal } of components)
    if (wal?.state === 'broken') found.push(`UNPROTECTED: the WAL of ${id} leads nowhere: ${wal.reason}`);
  for (const { id, since } of withoutBase)
    found.push(`UNPROTECTED: ${id} was restored ${agoOf(since, at)} and has no new base yet`);
  if (late.length > 0) found.push(`RPO BREACHED: ${late.join(', ')}`);
  if (lastBackup !== null && isAlarming(lastBackup)) found.push(endedBadly('LAST BACKUP', lastBackup, at));
  if (lastRestore !== null && leftBadly(lastRestore)) found.push(endedBadly('LAST RESTORE', lastRestore, at));
  return found;
}

/** What the loss of this host would cost is told of the locations that would be left. */
function locationProblems(
  { location, offHost, components, measuredAt, problem }: LocationAge,
  at: Date,
  isAnything: boolean,
): string[] {
  const late = components.filter(({ breached }) => breached).map(({ id }) => id);
  const since = measuredAt === null ? 'it never did' : `last ${agoOf(measuredAt, at)}`;
  if (problem !== '') return [`${location} DOES NOT ANSWER (${since}): ${problem}`];
  if (components.every(({ backupId }) => backupId === null))
    return offHost && isAnything ? [`NO COPY IN ${location}: the loss of this host would lose everything`] : [];
  return offHost && late.length > 0 ? [`RPO BREACHED IN ${location}: ${late.join(', ')}`] : [];
}

/** A mistyped request was told to its writer and changed nothing. */
function isAlarming({ state, code }: EndedRun): boolean {
  return state.status !== 'sealed' && code !== 'InputInvalid';
}

/** A restore that a person aborted and that undid everything is no news. */
function leftBadly({ state, code }: EndedRun): boolean {
  return state.status === 'aborted' && (state.undone === 'partial' || code !== 'Aborted');
}

function endedBadly(what: string, { state, text, endedAt }: EndedRun, at: Date): string {
  return `${what} ${stateWords(state).toUpperCase()} ${agoOf(endedAt, at)}: ${text.replaceAll('\n', ' ')}`;
}

export function nowText(page: NowPage, commands: readonly string[]): string {
  const { appliance, at, overview } = page;
  const problems = problemsOf(page);
  const runs = overview?.runs ?? [];
  return [
    `${appliance}  ${at.toISOString().slice(0, 19)}Z  ${problems.length === 0 ? 'all is well' : plural(problems.length, 'problem')}${asking(runs)}`,
    ...problems.map((problem) => wrap(`! ${problem}`, defaultColumns, '  ')),
    ...runs.flatMap((run) => [
      '',
      run.workflowId,
      ...(run.view === undefined && run.summary !== '' ? [`  ${run.summary}`] : []),
      ...runScreen(run, at, defaultColumns),
    ]),
    ...restLines(page),
    '',
    'next:',
    ...commands.map((command) => `  ${command}`),
  ].join('\n');
}

function asking(runs: readonly RunSnapshot[]): string {
  const count = runs.filter(({ view }) => (view?.questions.length ?? 0) > 0).length;
  return count === 0 ? '' : `, ${plural(count, 'run')} WAITING FOR AN ANSWER`;
}

/** While a restore runs, ages and schedules are no news. */
function restLines({ protection, locations, overview, at }: NowPage): string[] {
  if (overview?.runs.some(({ type }) => type === 'restore') === true) return [];
  const rows = (protection?.components ?? []).map(({ id, backupId, wal, ageSeconds, objectiveSeconds, breached }) => [
    id,
    `${backupId ?? 'none'}${wal?.state === 'continuous' ? ' + WAL' : ''}`,
    ageSeconds === null ? '' : formatDuration(ageSeconds),
    formatDuration(objectiveSeconds),
    breached ? 'BREACHED' : 'ok',
  ]);
  const copies = locations.map((location) => [
    location.location,
    location.newest ?? 'none',
    ...oldestIn(location),
    location.measuredAt === null ? 'not measured yet' : agoOf(location.measuredAt, at),
  ]);
  const [next] = (overview?.schedules ?? [])
    .flatMap(({ name, view }) => (name.startsWith('backup-') && view?.next ? [view.next] : []))
    .sort();
  const lines: string[] = [
    ...(rows.length === 0 ? [] : ['', table(['COMPONENT', 'NEWEST COPY', 'AGE', 'RPO', ''], rows)]),
    ...(copies.length === 0 ? [] : ['', table(['LOCATION', 'NEWEST COPY', 'AGE', 'OF', 'MEASURED'], copies)]),
    '',
    ...(protection?.lastBackup
      ? [wrap(`last backup   ${endedText(protection.lastBackup, at)}`, defaultColumns, ' '.repeat(14))]
      : []),
    ...(protection?.lastRestore
      ? [wrap(`last restore  ${endedText(protection.lastRestore, at)}`, defaultColumns, ' '.repeat(14))]
      : []),
    ...(next !== undefined
      ? [`next backup   ${next.slice(0, 16)}Z, in ${formatDuration((Date.parse(next) - at.getTime()) / 1000)}`]
      : []),
    ...(overview !== undefined && overview.runs.length === 0 ? ['running       nothing'] : []),
  ];
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/** Age and name of the component that would lose most. */
function oldestIn({ components }: LocationAge): [string, string] {
  const [first, ...others] = components;
  if (first === undefined || components.every(({ backupId }) => backupId === null)) return ['', ''];
  const worst = others.reduce((most, each) => (ageIn(each) > ageIn(most) ? each : most), first);
  return [worst.ageSeconds === null ? 'no copy' : formatDuration(worst.ageSeconds), worst.id];
}

function ageIn({ ageSeconds }: LocationAge['components'][number]): number {
  return ageSeconds ?? Number.POSITIVE_INFINITY;
}

function endedText({ state, backup, endedAt, seconds }: EndedRun, at: Date): string {
  return `${[stateWords(state), backup].filter((word) => word !== '').join(' ')}, ${agoOf(endedAt, at)}, took ${formatDuration(seconds)}`;
}

function agoOf(time: string, at: Date): string {
  return `${formatDuration(Math.max(0, at.getTime() - Date.parse(time)) / 1000)} ago`;
}

/** The commands that fit what is seen, the most likely first. */
export function nextCommands(page: NowPage): string[] {
  const { overview, protection, repositoryProblem } = page;
  const [run] = overview?.runs ?? [];
  if (overview !== undefined && !overview.hasWorker) return ['worker', 'doctor'];
  if (run?.type === 'restore')
    return [`restore watch ${run.workflowId}`, `restore abort ${run.workflowId} --reason '…'`];
  if (run !== undefined) return [`restore watch ${run.workflowId}`];
  if (overview === undefined || repositoryProblem !== undefined) return ['doctor'];
  if (protection?.components.some(({ breached }) => breached) === true)
    return ['backups run', 'restore plan', 'doctor'];
  return ['restore plan', 'verify', 'doctor'];
}
