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

export interface CronTimes {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
  /** 0 is Sunday. */
  readonly weekdays: readonly number[];
}

/** The values that each field stands for, ascending. Throws where `isCron` is false. */
export function parseCron(line: string): CronTimes {
  const texts = line.split(' ');
  const [minutes = [], hours = [], days = [], ofYear = [], ofWeek = []] = fields.map((field, index) =>
    valuesOf(texts[index] ?? '', field),
  );
  const sundayFirst = [...new Set(ofWeek.map((day) => day % 7))].sort((a, b) => a - b);
  return { minutes, hours, days, months: ofYear, weekdays: sundayFirst };
}

function fits(text: string, field: Field): boolean {
  return text.split(',').every((part) => stretchOf(part, field) !== undefined);
}

function valuesOf(text: string, field: Field): number[] {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const stretch = stretchOf(part, field);
    if (stretch === undefined) throw new TypeError(`not a cron field: \`${text}\``);
    for (let value = stretch.first; value <= stretch.last; value += stretch.step) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

/** `*`, a value, or a range, with a step. As the server reads it, `5/15` is 5, 20, 35 …: a step goes to the end. */
function stretchOf(part: string, field: Field): { first: number; last: number; step: number } | undefined {
  const [, range = '', stepText] = /^([^/]+)(?:\/(\d+))?$/.exec(part) ?? [];
  const step = Number(stepText ?? '1');
  if (step < 1) return undefined;
  if (range === '*') return { first: field.from, last: field.to, step };
  const ends = range.split('-').map((end) => valueOf(end, field));
  const [first = Number.NaN, last = stepText === undefined ? first : field.to] = ends;
  const isWithin = ends.length <= 2 && first >= field.from && first <= last && last <= field.to;
  return isWithin ? { first, last, step } : undefined;
}

function valueOf(text: string, { from, names }: Field): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const index = names.indexOf(text.toLowerCase());
  return index === -1 ? Number.NaN : from + index;
}
