/** Types whose text holds the text of other types: arrays, domains, ranges and rows of them. */

/** Types of which the text is the name of something else. */
export const referringTypes = [
  'regclass',
  'regcollation',
  'regconfig',
  'regdictionary',
  'regnamespace',
  'regoper',
  'regoperator',
  'regproc',
  'regprocedure',
  'regrole',
  'regtype',
];

/** Begins a statement: the table `affected` has in `oid` the types that the query `seeds` gives, and all that are made of them. */
export function withTypesMadeOf(seeds: string): string {
  return `WITH RECURSIVE seeds(oid) AS (${seeds}), affected(oid) AS (
       SELECT oid FROM seeds
       UNION
       SELECT t.oid FROM affected JOIN pg_type t ON affected.oid IN (t.typelem, t.typbasetype)
           OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.atttypid = affected.oid
                         AND a.attnum > 0 AND NOT a.attisdropped)
           OR EXISTS (SELECT FROM pg_range r WHERE r.rngsubtype = affected.oid AND t.oid IN (r.rngtypid, r.rngmultitypid)))`;
}
