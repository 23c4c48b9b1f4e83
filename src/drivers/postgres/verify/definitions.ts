/** How tables are defined: their columns, and whether anything was defined anew on which the text of their rows depends. */
import { isUtf8 } from 'node:buffer';
import type { Session } from '../server/connection.ts';
import { escaped } from './list-tables.ts';
import { referringTypes } from './types-made-of.ts';

export interface Definition {
  /**
   * Differs from the one of another snapshot where the table, its schema, its columns or a type that these are made of was changed
   * between them, also where that was taken back: it is made of the catalogue's row versions.
   */
  readonly version: string;
  /** The text of a column is the name of something else, which may be changed at any time. */
  readonly isReferring: boolean;
}

/** Definitions of the given tables by oid, within a snapshot. */
export async function readDefinitions(session: Session, oids: readonly string[]): Promise<Map<string, Definition>> {
  const rows = await session.rows(
    `WITH RECURSIVE used(root, oid) AS (
       SELECT atttypid, atttypid FROM pg_attribute WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped
       UNION
       SELECT used.root, part.oid FROM used JOIN pg_type t ON t.oid = used.oid CROSS JOIN LATERAL (
         SELECT unnest(ARRAY[t.typelem, t.typbasetype])
         UNION SELECT atttypid FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped
         UNION SELECT rngsubtype FROM pg_range WHERE t.oid IN (rngtypid, rngmultitypid)) AS part(oid)),
     types(root, version, refers) AS (
       SELECT used.root, string_agg(format('%s:%s:%s:%s:%s', t.oid, t.xmin, n.xmin,
                (SELECT string_agg(format('%s.%s', e.oid, e.xmin), ',' ORDER BY e.oid) FROM pg_enum e WHERE e.enumtypid = t.oid),
                (SELECT string_agg(format('%s.%s.%s', c.xmin, a.attnum, a.xmin), ',' ORDER BY a.attnum)
                   FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.oid = t.typrelid AND a.attnum > 0)),
              ';' ORDER BY t.oid),
              bool_or(t.typnamespace = 'pg_catalog'::regnamespace AND t.typname = ANY ($2::text[]))
         FROM used JOIN pg_type t ON t.oid = used.oid JOIN pg_namespace n ON n.oid = t.typnamespace GROUP BY used.root)
     SELECT c.oid::text AS oid, coalesce(bool_or(types.refers), false)::text AS refers,
            encode(sha256(convert_to(format('%s %s', max(format('%s %s', c.xmin, n.xmin)),
              string_agg(format('%s.%s=%s', a.attnum, a.xmin, types.version), ' ' ORDER BY a.attnum)), 'UTF8')), 'hex') AS version
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       LEFT JOIN types ON types.root = a.atttypid
      WHERE c.oid = ANY ($1::oid[]) GROUP BY c.oid`,
    [oids, referringTypes],
  );
  return new Map(
    rows.map(({ oid, version, refers }) => [oid ?? '', { version: version ?? '', isReferring: refers === 'true' }]),
  );
}

/** `id integer NOT NULL`, column by column, of these tables by oid. Names come as the database stores them. */
export async function readColumns(session: Session, oids: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await session.rows(
    `SELECT attrelid::text AS oid, string_agg(encode(convert_to(format('%I %s%s', attname, format_type(atttypid, atttypmod),
              CASE WHEN attnotnull THEN ' NOT NULL' END), getdatabaseencoding()), 'hex'), ' ' ORDER BY attnum) AS columns
       FROM pg_attribute WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped GROUP BY 1`,
    [oids],
  );
  const found = new Map(oids.map((oid): [string, string[]] => [oid, []]));
  for (const { oid, columns } of rows) found.set(oid ?? '', (columns ?? '').split(' ').map(textOf));
  return found;
}

function textOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  return isUtf8(bytes) ? bytes.toString('utf8') : escaped(bytes);
}
