import { expect, test } from 'vitest';
import { readFacts } from '../../../src/drivers/postgres/facts.ts';
import type { RestoreContext } from '../../../src/drivers/driver.ts';

/** Of a repository that is not encrypted anybody who can write gives them. */
const read = async (table: string, walSegmentBytes = 2 ** 24, rows: object = { before: '7' }) => {
  const facts = { format: 1, walSegmentBytes, tables: [], earlier: { ...rows, tables: [{ table }] } };
  const context = {
    record: { id: 'postgres', indexId: 'x' },
    repository: { readFile: async () => Promise.resolve(Buffer.from(JSON.stringify(facts))) },
  } as unknown as Pick<RestoreContext, 'repository' | 'record'>;
  return readFacts(context);
};

test.each(['public.users', 'public."Plain ""x"""', '"a.b"."c d"', '"Ä"._x1', '"two\nlines".t'])(
  'the name `%s` is one of a table',
  async (table) => {
    expect((await read(table)).earlier?.tables).toEqual([{ table }]);
  },
);

test.each([
  'users',
  'public.users; DROP TABLE users',
  '(SELECT 1)',
  'public.users AS x, evil()',
  '"a".b"',
  '"a"";".b.c',
  'Public.users',
  '"".x',
])('the name `%s` reaches no server', async (table) => {
  await expect(read(table)).rejects.toMatchObject({ code: 'ManifestInvalid', component: 'postgres' });
});

test.each([0, 1, -(2 ** 24), 3 * 2 ** 20, 2 ** 31])('segments of %d bytes are no segments', async (bytes) => {
  await expect(read('public.users', bytes)).rejects.toMatchObject({ code: 'ManifestInvalid', component: 'postgres' });
});

const ranges = (from: unknown, until: unknown) => ({
  passedOver: [
    ['3', '4'],
    [from, until],
  ],
});

test.each([{ before: '7' }, ranges('0', '9'), ranges('8589934592', '8589934599')])(
  '%j are transactions',
  async (rows) => {
    expect((await read('public.users', 2 ** 24, rows)).earlier).toMatchObject(rows);
  },
);

test.each([
  { before: '7)}' },
  { before: 7 },
  { passedOver: ['79'] },
  { passedOver: [['7']] },
  ranges('9', '8'),
  ranges(7, 9),
  ranges('7', '0x9'),
  ranges('7', "9)}' OR true"),
  ranges('7', '9'.repeat(21)),
])('%j reach no server', async (rows) => {
  await expect(read('public.users', 2 ** 24, rows)).rejects.toMatchObject({
    code: 'ManifestInvalid',
    component: 'postgres',
  });
});
