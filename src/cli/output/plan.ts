/** A restore plan as text for 80 columns: what stops, what is needed, what would be lost, the steps. Pure. */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { defaultColumns } from './redraw.ts';
import { table } from './table.ts';
import { wrap } from './wrap.ts';
import type { PlanStep, RestorePlan } from '../../domain/restore/types.ts';

const label = 12;

export function planText(plan: RestorePlan): string {
  const { notHeld = [], passedOver = [] } = plan;
  const isMoment = plan.components.some(({ wal }) => wal !== undefined && wal.kind !== 'point');
  const hasWal = plan.components.some(({ wal }) => wal !== undefined);
  return [
    isMoment
      ? wrap(`restore of ${plan.appliance} ${momentText(plan)}`, defaultColumns, '  ')
      : `restore of ${plan.appliance} from recovery point ${plan.backupId}`,
    ...foreignLines(plan),
    ...passedOver.map((reason) => field('passed over', reason)),
    '',
    table(
      ['COMPONENT', 'KIND', 'SIZE', ...(hasWal ? ['COMES FROM'] : []), 'LOST IF RESTORED NOW'],
      plan.components.map(({ id, kind, bytes, backupId = plan.backupId, wal, lossSeconds }) => [
        id,
        kind,
        formatBytes(bytes),
        ...(hasWal ? [`${backupId}${wal === undefined ? '' : ' + WAL'}`] : []),
        wal?.kind === 'latest' ? 'nothing written' : `the last ${formatDuration(lossSeconds)}`,
      ]),
    ),
    ...(notHeld.length === 0
      ? []
      : [wrap(`NOT in this recovery point, left as they are: ${notHeld.join(', ')}`, defaultColumns, '  ')]),
    ...plan.components.flatMap(({ id, notes = [] }) =>
      notes.map((note) => wrap(`${id}: ${note}`, defaultColumns, '  ')),
    ),
    ...(plan.rebuilds ?? []).map((id) =>
      wrap(
        `${id} is NOT restored: the application builds it anew afterwards, and it stays as it is until then`,
        defaultColumns,
        '  ',
      ),
    ),
    '',
    field('stops', plan.stops.length === 0 ? 'nothing' : plan.stops.join(', ')),
    field('takes', `about ${formatDuration(plan.estimateSeconds)} for ${formatBytes(plan.bytes)} (${groundsOf(plan)})`),
    field('longest', plan.criticalPath.join(' → ')),
    field('skew', `${formatDuration(plan.skewSeconds)} between the first and the last capture`),
    ...plan.disks.map(({ path, needBytes, freeBytes }) =>
      field('disk', `needs ${formatBytes(needBytes)}, has ${formatBytes(freeBytes)} free: ${path}`),
    ),
    '',
    waveTable(plan.steps),
  ].join('\n');
}

/** Whose data comes, where it is not the appliance's own. */
export function foreignLines({ appliance, backupId, foreign }: RestorePlan): string[] {
  if (foreign === undefined) return [];
  const text = `ANOTHER APPLIANCE'S DATA: recovery point ${backupId} is of \`${foreign}\`, and replaces what \`${appliance}\` has`;
  return [wrap(text, defaultColumns, '  ')];
}

/** The plan of an undo: what comes back, and what goes aside for it. */
export function undoText({ appliance, components, stops, estimateSeconds, undoes, steps }: RestorePlan): string {
  const [first] = components;
  const emptied = components.filter(({ bytes }) => bytes === 0).map(({ id }) => id);
  return [
    wrap(`undo of the restore of ${appliance} of ${undoes?.lockStart ?? ''}`, defaultColumns, '  '),
    '',
    table(
      ['COMPONENT', 'KIND', 'OLD DATA'],
      components.map(({ id, kind, bytes }) => [id, kind, bytes === 0 ? 'nothing' : formatBytes(bytes)]),
    ),
    '',
    ...(emptied.length === 0
      ? []
      : [field('leaves', `NOTHING in the place of ${emptied.join(', ')}: no data was there before the restore`)]),
    field('goes aside', `what was restored, and what was written since: ${formatDuration(first?.lossSeconds ?? 0)}`),
    field('stops', stops.length === 0 ? 'nothing' : stops.join(', ')),
    field('takes', `about ${formatDuration(estimateSeconds)}: nothing is copied`),
    '',
    waveTable(steps),
  ].join('\n');
}

function momentText({ components }: RestorePlan): string {
  const wal = components.find((component) => component.wal !== undefined)?.wal;
  if (wal === undefined || wal.kind === 'point') return '';
  const { kind, value, timeline, endLsn } = wal;
  if (kind === 'latest') return `to the last commit (timeline ${timeline}; archived until ${endLsn})`;
  const what = { time: value, lsn: `position ${value}`, name: `restore point '${value}'` }[kind];
  // Only the log itself tells where it is, and nobody reads all of it for a plan.
  const unsure = kind === 'name' ? '; whether it is there shows when the log is replayed, before anything stops' : '';
  return `to ${what} (timeline ${timeline}${unsure})`;
}

function groundsOf({ estimatedFrom, p90Seconds }: RestorePlan): string {
  if (estimatedFrom === 0) return 'by size';
  return `by ${estimatedFrom} own restores, 9 of 10 within ${formatDuration(p90Seconds)}`;
}

function field(name: string, text: string): string {
  return wrap(`${name.padEnd(label)}${text}`, defaultColumns, ' '.repeat(label));
}

interface Wave {
  readonly kind: string;
  readonly subjects: readonly string[];
  readonly seconds: number;
}

/** One line for the steps of a kind that may run at the same time: the order is seen at a glance. */
function waveTable(steps: readonly PlanStep[]): string {
  const rows = wavesOf(steps).flatMap(({ kind, subjects, seconds }, index) => {
    const [first = '', ...rest] = wrap(subjects.join(', '), defaultColumns - 28).split('\n');
    return [
      [String(index + 1).padStart(2), kind, formatDuration(seconds), first],
      ...rest.map((more) => ['', '', '', more]),
    ];
  });
  return table([' #', 'STEP', 'ABOUT', 'OF'], rows);
}

/** Steps by their depth in the graph, those of one kind and depth together. */
export function wavesOf(steps: readonly PlanStep[]): Wave[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const depths = new Map<string, number>();
  const depthOf = (id: string): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    const step = byId.get(id);
    if (step === undefined) return -1;
    const depth = 1 + Math.max(-1, ...step.after.map(depthOf));
    depths.set(id, depth);
    return depth;
  };
  const waves = new Map<string, PlanStep[]>();
  for (const step of [...steps].sort((a, b) => depthOf(a.id) - depthOf(b.id))) {
    const wave = `${depthOf(step.id)} ${step.kind}`;
    waves.set(wave, [...(waves.get(wave) ?? []), step]);
  }
  return [...waves.values()].map((wave) => ({
    kind: wave[0]?.kind ?? '',
    subjects: wave.flatMap(({ subject }) => (subject === '' ? [] : [subject])),
    seconds: Math.max(...wave.map(({ estimateSeconds }) => estimateSeconds)),
  }));
}
