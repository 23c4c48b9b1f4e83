import { expect, test } from 'vitest';
import { readFacts } from '../../../src/drivers/postgres/facts.ts';
import type { RestoreContext } from '../../../src/drivers/driver.ts';

/** Of a repository that is not encrypted anybody who can write gives them. */
const read = async (table: string, walSegmentBytes = 2 ** 24) => {
  const facts = { format: 1, walSegmentBytes, tables: [], earlier: { before: '7', tables: [{ table }] } };
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
