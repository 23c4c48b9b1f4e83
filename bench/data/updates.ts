/** What changes before a later backup: a share of the rows of the large table, side by side or scattered over all of it. */
import type pg from 'pg';
import { databaseName } from '../../src/dev/appliance/description.ts';
import { withClient } from '../../src/dev/appliance/seed/with-client.ts';
import type { DataSet } from './data-set.ts';

export const updateKinds = ['range', 'scattered'] as const;
export type UpdateKind = (typeof updateKinds)[number];

/** What changes before a second full backup. */
export const defaultShare = 0.02;

/** Rows changed. A checkpoint follows, so that every tool begins on a server that has nothing left to write. */
export async function updateRows({ sample }: DataSet, kind: UpdateKind, share = defaultShare): Promise<number> {
  return withClient(sample, databaseName, async (client) => {
    const { table, count } = await largestTable(client);
    const every = Math.round(1 / share);
    // The hash scatters as a key that nobody chose would: nearly every block of 256 KiB holds a changed row.
    const chosen =
      kind === 'range'
        ? `position > ${Math.floor(count / 2)} and position <= ${Math.floor(count / 2 + count * share)}`
        : `abs(hashtext(key::text)) % ${every} = 0`;
    const { rowCount } = await client.query(
      `update ${table.name} set ${table.text} = md5(${table.text}) || substr(${table.text}, 33)
        where ${table.key} in (select key from (select ${table.key} as key, row_number() over (order by ctid) as position from ${table.name}) as each where ${chosen})`,
    );
    await client.query('checkpoint');
    return rowCount ?? 0;
  });
}

interface Table {
  readonly name: string;
  readonly key: string;
  readonly text: string;
}

/** The filler table where there is one (medium), the messages otherwise. */
async function largestTable(client: pg.Client): Promise<{ readonly table: Table; readonly count: number }> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    `select to_regclass('load_filler') is not null as exists`,
  );
  const table =
    found[0]?.exists === true
      ? { name: 'load_filler', key: 'id', text: 'payload' }
      : { name: 'messages', key: 'id', text: 'content' };
  const { rows } = await client.query<{ count: string }>(`select count(*)::text as count from ${table.name}`);
  return { table, count: Number(rows[0]!.count) };
}
