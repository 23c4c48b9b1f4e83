/** A run's evidence from the repository as text. Pure. */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { describeProbes, isFailed } from '../../domain/probes.ts';
import type { JsonValue } from '../../domain/recovery-point.ts';
import { defaultColumns } from './redraw.ts';
import { stateOfReport, stateWords } from '../../domain/run-state.ts';
import { table } from './table.ts';
import { wrap } from './wrap.ts';

export type Evidence = Readonly<Record<string, JsonValue>>;

const label = 14;

export function evidenceText(id: string, report: Evidence): string {
  const state = stateOfReport(report);
  const seconds = numberOf(report.seconds);
  const probes = objectsOf(report.probes);
  const outcomes = probes.map(({ ok, notCompared }) => ({
    ok: ok === true,
    ...(notCompared === true ? { notCompared } : {}),
  }));
  const failed = probes.filter((_, index) => isFailed(outcomes[index] ?? { ok: false }));
  const others = probes.filter(({ notCompared }) => notCompared === true);
  return [
    id,
    ...field('state', state === undefined ? textOf(report.state) : stateWords(state)),
    ...field('said', textOf(report.text) === textOf(report.state) ? '' : textOf(report.text)),
    ...field('point', textOf(report.backup)),
    ...field(
      'began',
      `${textOf(report.startedAt).slice(0, 19)}Z${seconds === undefined ? '' : `, took ${formatDuration(seconds)}`}`,
    ),
    ...field('RTO', report.rtoBreached === true ? 'BREACHED' : ''),
    ...field('late', (numberOf(report.lateSeconds) ?? 0) >= 1 ? formatDuration(numberOf(report.lateSeconds) ?? 0) : ''),
    ...field(
      'bytes',
      (numberOf(report.bytes) ?? 0) > 0
        ? `${formatBytes(numberOf(report.bytes) ?? 0)}, ${formatBytes(numberOf(report.storedBytes) ?? 0)} stored`
        : '',
    ),
    ...field('asked by', textOf(report.requestedBy)),
    ...field('reason', textOf(report.reason)),
    ...field('proof', probes.length === 0 ? '' : describeProbes(outcomes)),
    ...field('UNPROVEN', listOf(report.unproven).join(', ')),
    ...failed.map(({ component, name, expected, actual }) =>
      wrap(
        `  FAILED ${textOf(component)}/${textOf(name)}: expected ${textOf(expected)}, actual ${textOf(actual)}`,
        defaultColumns,
        '    ',
      ),
    ),
    ...others.map(({ component, name, expected, actual }) =>
      wrap(`  ${textOf(component)}/${textOf(name)} (${textOf(expected)}): ${textOf(actual)}`, defaultColumns, '    '),
    ),
    ...listOf(report.safetyCopies).flatMap((path) => field('old data', path)),
    ...listOf(report.notUndone).flatMap((text) => field('NOT UNDONE', text)),
    ...listOf(report.notes).flatMap((note) => field('note', note)),
    ...stepLines(objectsOf(report.steps)),
  ].join('\n');
}

function stepLines(steps: readonly Evidence[]): string[] {
  if (steps.length === 0) return [];
  const rows = steps.map(({ id, state, seconds, note }) => [
    textOf(id),
    textOf(state),
    state === 'waiting' ? '' : formatDuration(numberOf(seconds) ?? 0),
    textOf(note),
  ]);
  return ['', table(['STEP', 'STATE', 'TIME', ''], rows)];
}

function field(name: string, text: string): string[] {
  return text === '' ? [] : [wrap(`  ${name.padEnd(label - 2)}${text}`, defaultColumns, ' '.repeat(label))];
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function listOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function objectsOf(value: JsonValue | undefined): Evidence[] {
  return Array.isArray(value)
    ? value.filter((item): item is Evidence => typeof item === 'object' && item !== null && !Array.isArray(item))
    : [];
}
