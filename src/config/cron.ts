/** Cron lines as Temporal reads them. A line that it refuses must be told with file and line, not by a worker at night. */

interface Field {
  readonly from: number;
  readonly to: number;
  /** Names that stand for numbers, beginning with `from`. */
  readonly names: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const fields: readonly Field[] = [
  { from: 0, to: 59, names: [] },
  { from: 0, to: 23, names: [] },
  { from: 1, to: 31, names: [] },
  { from: 1, to: 12, names: months },
  { from: 0, to: 7, names: weekdays },
];

/** Minute, hour, day of the month, month, day of the week; each a list of `*`, numbers, names and ranges, with `/step`. */
export function isCron(line: string): boolean {
  const texts = line.split(' ');
  return texts.length === fields.length && fields.every((field, index) => fits(texts[index] ?? '', field));
}

function fits(text: string, field: Field): boolean {
  return text.split(',').every((part) => {
    const [, range = '', step = '1'] = /^([^/]+)(?:\/(\d+))?$/.exec(part) ?? [];
    if (Number(step) < 1) return false;
    if (range === '*') return true;
    const ends = range.split('-').map((end) => valueOf(end, field));
    const [first = Number.NaN, last = first] = ends;
    return ends.length <= 2 && first >= field.from && first <= last && last <= field.to;
  });
}

function valueOf(text: string, { from, names }: Field): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const index = names.indexOf(text.toLowerCase());
  return index === -1 ? Number.NaN : from + index;
}
