/** The database whose content is proven: its token and the fingerprints of its tables, before and after the capture. */
import type { PostgresConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Session } from './connection.ts';
import type { SealedFacts } from './facts.ts';
import { beginSnapshot, depthOf, expectationOf, isUnchanged, listTables, measure } from './fingerprint.ts';
import type { TableExpectation, TableState } from './fingerprint.ts';
import { writeToken } from './token.ts';
import type { Token } from './token.ts';

export interface ProbedDatabase {
  readonly token: Token | null;
  readonly unlogged: readonly string[];
  readonly notes: readonly string[];
  /** After the base backup's end: takes the second snapshot. Rejects if a measure failed by a lost connection. */
  conclude(): Promise<Expectations>;
}

export interface Expectations {
  readonly tables: readonly TableExpectation[];
  /** Nothing in the whole server changed between the snapshots. */
  readonly isQuiesced: boolean;
  /** Tables that the role may not measure, and those of which a measure failed, by the first reason that was met. */
  readonly unmeasured: readonly Unmeasured[];
}

export interface Unmeasured {
  readonly table: string;
  /** May hold names. */
  readonly why: string;
  /** The same without names. */
  readonly kind: string;
}

/**
 * SourceEmpty if the database has no table. The tables are measured before the caller copies the server: whoever reads a
 * row first after a change marks its page, and with checksums each such page would go into the WAL of the copy.
 */
export async function beginProbedDatabase(
  session: Session,
  config: PostgresConfig,
  backupId: string,
): Promise<ProbedDatabase> {
  const tables = await listTables(session);
  if (tables.length === 0) {
    throw new LifeboatError('SourceEmpty', `database \`${config.database}\` has no table`, { component: config.id });
  }
  const token = await writeToken(session, backupId);
  const logged = tables.filter((table) => !table.isUnlogged);
  const readable = logged.filter((table) => table.hidden === undefined);
  const hidden = logged.flatMap(({ table, hidden: why }) => (why === undefined ? [] : [{ table, why, kind: why }]));
  const before = await beginSnapshot(session);
  const names = readable.map(({ table }) => table);
  const first = await measureAll(session, names, () => (bytes) => depthOf(bytes, config.fingerprintUpTo));
  // The copy may take hours: until its end no table is kept from being altered.
  await session.rows('COMMIT');
  return {
    token: 'problem' in token ? null : token,
    unlogged: tables.filter((table) => table.isUnlogged).map(({ table }) => table),
    notes: 'problem' in token ? [token.problem] : [],
    conclude: async () => {
      const after = await beginSnapshot(session);
      const isQuiesced = isUnchanged(before, after);
      const again = [...first.states.keys()];
      const second = isQuiesced
        ? first
        : await measureAll(session, again, (table) => first.states.get(table)?.depth ?? 'content');
      await session.rows('COMMIT');
      const { tables: expected, problems } = combine(first, second);
      return { tables: expected, unmeasured: [...hidden, ...problems], isQuiesced };
    },
  };
}

export async function readExtensions(session: Session): Promise<SealedFacts['extensions']> {
  const rows = await session.rows('SELECT extname AS name, extversion AS version FROM pg_extension ORDER BY 1');
  return rows.map((row) => ({ name: row['name'] ?? '', version: row['version'] ?? '' }));
}

interface Measures {
  readonly states: ReadonlyMap<string, TableState>;
  readonly problems: readonly Unmeasured[];
}

async function measureAll(
  session: Session,
  tables: readonly string[],
  depthOfTable: (table: string) => Parameters<typeof measure>[2],
): Promise<Measures> {
  const states = new Map<string, TableState>();
  const problems: Unmeasured[] = [];
  for (const table of tables) {
    const state = await measure(session, table, depthOfTable(table));
    if ('problem' in state) {
      const kind = state.lockedBy === undefined ? 'it could not be read' : 'it was locked';
      problems.push({ table, why: state.problem, kind });
    } else states.set(table, state);
  }
  return { states, problems };
}

function combine(first: Measures, second: Measures): Pick<Expectations, 'tables'> & Pick<Measures, 'problems'> {
  const tables: TableExpectation[] = [];
  for (const [table, before] of first.states) {
    const after = second.states.get(table);
    if (after !== undefined) tables.push(expectationOf(before, after));
  }
  const known = new Set(first.problems.map(({ table }) => table));
  return { tables, problems: [...first.problems, ...second.problems.filter(({ table }) => !known.has(table))] };
}
