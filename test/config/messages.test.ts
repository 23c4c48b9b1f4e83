/** Whatever is left out of lifeboat.yaml, or is wrong in it, is told in a sentence. The cases come from the schema. */
import { parse, stringify } from 'yaml';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseConfiguration } from '../../src/config/load.ts';
import { configuration } from '../../src/config/schema/configuration.ts';
import { fieldsOf, inner, isObject, isRecord } from '../../src/schema/walk.ts';
import { isLifeboatError } from '../../src/domain/errors.ts';

type Schema = z.core.$ZodType;

interface Case {
  readonly name: string;
  /** Of lifeboat.yaml. */
  readonly document: unknown;
}

const texts = ['text', '/a', 'host:1', 'http://host/', '5m', '5MB', '* * * * *', `SHA256:${'A'.repeat(43)}`];

/** A value that fits, with no more than must be given. */
function fitting(schema: Schema): unknown {
  const bare = inner(schema);
  if (isObject(bare)) {
    const required = fieldsOf(bare).filter(({ fallback }) => fallback === undefined);
    return Object.fromEntries(required.map(({ key, schema: own }) => [key, fitting(own)]));
  }
  if (isRecord(bare)) return { one: fitting(bare.def.valueType) };
  if (bare instanceof z.ZodUnion) return fitting(bare.def.options[0]!);
  if (bare instanceof z.ZodArray) return [fitting(bare.def.element)];
  if (bare instanceof z.ZodLiteral) return [...bare.values][0];
  return [...texts, 1, true].find((value) => z.safeParse(bare, value).success);
}

const wrong = [5, 1.5, '', 'two words', null, [], {}, { other: 1 }];

/** Keys that were met: ten schedules have the same ones. */
const met = new Set<string>();

/** Documents that differ from a valid one in one place; `put` puts a value there. */
function casesOf(schema: Schema, name: string, put: (value: unknown) => unknown): Case[] {
  const bare = inner(schema);
  const own = wrong.map((value) => ({ name: `${name} = ${JSON.stringify(value)}`, document: put(value) }));
  const below = (part: Schema, key: string | number, around: (value: unknown) => unknown): Case[] =>
    casesOf(part, `${name}.${key}`, (value) => put(around(value)));
  if (isObject(bare)) {
    const base = fitting(bare) as object;
    return [
      ...own,
      ...fieldsOf(bare).flatMap(({ key, schema: part }) => {
        const rest = Object.fromEntries(Object.entries(base).filter(([each]) => each !== key));
        const known = `${key}: ${inner(part)._zod.def.type}, ${z.globalRegistry.get(part as z.ZodType)?.description ?? ''}`;
        if (met.has(known)) return [];
        met.add(known);
        return [
          { name: `no ${name}.${key}`, document: put(rest) },
          ...below(part, key, (value) => ({ ...base, [key]: value })),
        ];
      }),
    ];
  }
  if (isRecord(bare)) {
    const renamed = { name: `${name}.Not A Name`, document: put({ 'Not A Name': fitting(bare.def.valueType) }) };
    return [...own, renamed, ...below(bare.def.valueType, 'one', (value) => ({ one: value }))];
  }
  if (bare instanceof z.ZodArray) return [...own, ...below(bare.def.element, 0, (value) => [value])];
  if (bare instanceof z.ZodUnion) return [...own, ...bare.def.options.flatMap((option) => casesOf(option, name, put))];
  return own;
}

function messageOf(document: unknown): string {
  try {
    parseConfiguration(stringify(document), 'f');
  } catch (error) {
    if (isLifeboatError(error, 'ConfigInvalid')) return error.message;
    throw error;
  }
  return '';
}

const sentence =
  /^f:\d+: (?:[\w.-]+(?: A Name)?: )?(?:must be \S+|is required: \S+|its name must be \S+|unknown key `)/;
/** The schema library's own words. */
const foreign = /Invalid|Too (?:small|big)|expected|undefined|\[object/;

test('whatever is left out or wrong is told in a sentence', () => {
  const refused = casesOf(configuration, '', (value) => value).filter(
    ({ document }) => !configuration.safeParse(document ?? {}).success,
  );
  expect(refused.length).toBeGreaterThan(700);
  const wordless = refused.flatMap(({ name, document }) => {
    const message = messageOf(document);
    const problems = message.split(/\n(?! )/);
    return problems.every((each) => sentence.test(each) && !foreign.test(each)) ? [] : [`${name}: ${message}`];
  });
  expect(wordless).toEqual([]);
});

const valid = (lines: string): string => `appliance: shop\nrepository:\n  path: /backups\n${lines}components:
  etc: { kind: files, paths: [/etc/app] }\n`;

test('without `repository.encryption` the lines to add are told, and they are right', () => {
  const message = messageOf(parse(valid('')));
  expect(message).toMatch(/^f:2: repository\.encryption: is required: what opens the repository/);
  const lines = message.split('\n').slice(1);
  expect(lines).toHaveLength(2);
  const [indent = ''] = /^ */.exec(lines[0] ?? '') ?? [];
  expect(messageOf(parse(valid(`${lines.map((line) => line.slice(indent.length - 2)).join('\n')}\n`)))).toBe('');
});

test.each([
  ['secretKey: { file: keys }', 'secretKey.file: must be an absolute path, not `keys`'],
  [
    'secretKey: { path: /keys }',
    'secretKey: must be `{ file: /path }`, `{ env: NAME }` or the text itself, not this map',
  ],
  ['secretKey: 5', 'secretKey: must be `{ file: /path }`, `{ env: NAME }` or the text itself, not `5`'],
])('of the ways to give a secret the meant one is judged: %s', (line, problem) => {
  const location = { kind: 's3', bucket: 'copies', accessKey: 'a', ...(parse(line) as object) };
  const document = { ...(parse(valid('  encryption: none\n')) as object), locations: { far: location } };
  expect(messageOf(document).replace(/^f:\d+: locations\.far\./, '')).toBe(problem);
});
