/**
 * Every setting on which the text of a row depends. A fingerprint hashes rows as text, and server, database and role may
 * each have settings of their own: both measures fix all of them, and the sealed facts name what they were fixed to.
 */
import type { Session } from '../server/connection.ts';
import type { SealedFacts, TextSettings } from '../facts.ts';
import { referringTypes, withTypesMadeOf } from './types-made-of.ts';

/** What a measure fixes today. A setting that joins names in `typesOf` whose text it changes. */
export const textSettings: TextSettings = {
  timezone: 'UTC',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  search_path: 'pg_catalog',
  lc_monetary: 'C',
  lc_numeric: 'C',
  lc_time: 'C',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
};

/** What was fixed when a point was sealed whose facts do not say. */
const fixedBefore = [
  'timezone',
  'datestyle',
  'intervalstyle',
  'extra_float_digits',
  'bytea_output',
  'xmlbinary',
  'search_path',
];

/** Types whose text a setting changes that was not always fixed. The others change none of the server's own types. */
const typesOf: Readonly<Record<string, readonly string[]>> = {
  lc_monetary: ['money'],
  quote_all_identifiers: referringTypes,
};

/** Within a transaction and for it. Settings that this server does not know are left out. */
export async function fixSettings(session: Session, settings: TextSettings): Promise<void> {
  await session.rows(
    `SELECT set_config(s.name, wanted.value, true) FROM pg_settings s
       JOIN unnest($1::text[], $2::text[]) AS wanted(name, value) ON lower(s.name) = lower(wanted.name)`,
    [Object.keys(settings), Object.values(settings)],
  );
}

/**
 * Tables (by oid) whose text may have looked otherwise at the capture, with the reason: the setting that decides was not fixed then,
 * and what the server had is not known, or a cast of the application was used. None for a point of today.
 */
export async function tablesWithoutMeasure(
  session: Session,
  facts: Pick<SealedFacts, 'textSettings' | 'withoutCasts'>,
): Promise<ReadonlyMap<string, string>> {
  const fixed = facts.textSettings === undefined ? fixedBefore : Object.keys(facts.textSettings);
  const found = new Map<string, string>();
  for (const [setting, types] of Object.entries(typesOf)) {
    if (fixed.includes(setting)) continue;
    const why = `the recovery point does not say under which ${setting} its rows were read`;
    for (const table of await tablesWithTypes(session, types)) found.set(table, why);
  }
  if (facts.withoutCasts === true) return found;
  const why = 'the recovery point was made with the cast of its rows to text that the application has';
  for (const table of await tablesWithCasts(session)) found.set(table, why);
  return found;
}

/** Tables whose rows have a cast to text of their own. */
async function tablesWithCasts(session: Session): Promise<string[]> {
  const rows = await session.rows(
    `SELECT c.oid::text AS oid FROM pg_cast k JOIN pg_class c ON c.reltype = k.castsource
      WHERE k.casttarget = 'text'::regtype AND k.castmethod = 'f' AND c.relkind IN ('r', 'm')`,
  );
  return rows.map((row) => row['oid'] ?? '');
}

/** Tables with a column of these types, or of an array, domain, range or row type made of them. */
async function tablesWithTypes(session: Session, types: readonly string[]): Promise<string[]> {
  const rows = await session.rows(
    `${withTypesMadeOf(
      `SELECT oid FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typname = ANY ($1::text[])`,
    )}
     SELECT DISTINCT c.oid::text AS oid FROM affected JOIN pg_attribute a ON a.atttypid = affected.oid AND a.attnum > 0 AND NOT a.attisdropped
       JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'm')`,
    [types],
  );
  return rows.map((row) => row['oid'] ?? '');
}
