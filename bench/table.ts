/** The result as text. Pure. */
import { formatBytes } from '../src/domain/duration.ts';
import { median, type Measurements } from './measure.ts';
import type { Verdict } from './targets.ts';

export const absent = 'not measured';

/** Columns as wide as their widest cell; the first to the left, the others to the right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  const head = ['number', 'lifeboat', 'peers', 'value', 'at most', 'verdict'];
  return textTable([
    head,
    ...verdicts.map((verdict) => [
      verdict.title,
      amount(verdict.ours, verdict.kind),
      verdict.kind === 'bytes' || verdict.kind === 'seconds' ? '' : amount(verdict.theirs, verdict.kind),
      value(verdict.value, verdict.kind),
      value(verdict.limit, verdict.kind),
      verdictText(verdict),
    ]),
  ]);
}

/** Every measured name with its median and its range over the runs. What is a part of another (`first/lifeboat redis`) stands in the JSON only. */
export function measurementTable(measurements: Measurements): string {
  const wholes = [...measurements].filter(([name]) => !name.includes(' ') || name.startsWith('memory/'));
  const rows = wholes.map(([name, values]) => {
    const show = name.startsWith('memory/') || name.startsWith('bytes/') ? formatBytes : seconds;
    return [
      name,
      show(median(values) ?? Number.NaN),
      show(Math.min(...values)),
      show(Math.max(...values)),
      String(values.length),
    ];
  });
  return textTable([['measured', 'median', 'least', 'most', 'runs'], ...rows]);
}

export function verdictText({ isMet, value: measured, isAimReached }: Verdict): string {
  if (measured === undefined) return `${absent}: NOT MET`;
  if (!isMet) return 'MISSED';
  return isAimReached === true ? 'met, aim reached' : 'met';
}

function amount(measured: number | undefined, kind: Verdict['kind']): string {
  if (measured === undefined) return absent;
  return kind === 'bytes' || kind === 'share' ? formatBytes(measured) : seconds(measured);
}

function value(measured: number | undefined, kind: Verdict['kind']): string {
  if (measured === undefined) return absent;
  if (kind === 'bytes') return formatBytes(measured);
  return kind === 'difference' || kind === 'seconds' ? seconds(measured) : measured.toFixed(2);
}

function seconds(measured: number): string {
  return `${measured.toFixed(2)} s`;
}
