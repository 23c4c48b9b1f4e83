/** The database whose content is proven: its token and the fingerprints of its tables, before and after the capture. */
import type { PostgresConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Session } from './connection.ts';
import { canBeTold, earlierExpectation, settle, unaltered } from './earlier-rows.ts';
import type { EarlierRows, SealedFacts } from './facts.ts';
import { beginSnapshot, exactly, isUnchanged, measure, readSnapshot } from './fingerprint.ts';
import type { Snapshot, TableExpectation, TableState } from './fingerprint.ts';
import { listTablesNow } from './list-tables.ts';
import { writeToken } from './token.ts';
import type { Token } from './token.ts';

export interface ProbedDatabase {
  readonly token: Token | null;
  readonly unlogged: readonly string[];
  readonly notes: readonly string[];
  /** After the base backup's end. Rejects if a measure failed by a lost connection. */
  conclude(signal: AbortSignal): Promise<Expectations>;
}

export interface Expectations {
  /** Of all rows of a table: nothing in the whole server changed while it was copied. Else none. */
  readonly tables: readonly TableExpectation[];
  /** Where something changed: of the rows that were there before. */
  readonly earlier: EarlierRows | undefined;
  /** Tables that the role may not measure, those of which a measure failed, and those of which nothing is certain. */
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
  const tables = await listTablesNow(session);
  if (tables.length === 0) {
    throw new LifeboatError('SourceEmpty', `database \`${config.database}\` has no table`, { component: config.id });
  }
  const token = await writeToken(session, backupId);
  const logged = tables.filter((table) => !table.isUnlogged);
  const readable = logged.filter((table) => table.hidden === undefined);
  const hidden = logged.flatMap(({ table, hidden: why }) => (why === undefined ? [] : [{ table, why, kind: why }]));
  const before = await beginSnapshot(session);
  // Beside a writer all of them will be needed. Else none can have come since, and the hash may become one of all rows.
  const only = before.xmin === before.xmax ? undefined : before.xmin;
  const names = readable.map(({ table }) => table);
  const first = await measureAll(session, names, () => ({ bytes: config.fingerprintUpTo }), only);
  // The copy may take hours: until its end no table is kept from being altered.
  await session.rows('COMMIT');
  return {
    token: 'problem' in token ? null : token,
    unlogged: tables.filter((table) => table.isUnlogged).map(({ table }) => table),
    notes: 'problem' in token ? [token.problem] : [],
    conclude: async (signal) => {
      if (isUnchanged(before, await readSnapshot(session))) {
        const exact = [...first.states.values()].map(exactly);
        return { tables: exact, earlier: undefined, unmeasured: [...hidden, ...first.problems] };
      }
      const { tables: certain, problems } = await compareAgain(session, before, first, signal);
      const unmeasured = [...hidden, ...first.problems, ...problems];
      return { tables: [], earlier: { before: before.xmin, tables: certain }, unmeasured };
    },
  };
}

const changed = 'it changed, or may have, while the backup ran';

/** Takes the second snapshot. */
async function compareAgain(
  session: Session,
  before: Snapshot,
  first: Measures,
  signal: AbortSignal,
): Promise<{ tables: TableExpectation[]; problems: Unmeasured[] }> {
  const stillOpen = await settle(session, signal);
  const after = await beginSnapshot(session);
  const states = [...first.states.values()];
  const second = await measureAll(
    session,
    states.map(({ table }) => table),
    (table) => first.states.get(table)?.depth ?? 'content',
    before.xmin,
  );
  const isSame = await unaltered(
    session,
    states.map(({ oid }) => oid),
    before.xmin,
  );
  await session.rows('COMMIT');
  const problems = [...second.problems];
  const tables: TableExpectation[] = [];
  for (const state of states) {
    const again = second.states.get(state.table);
    if (again === undefined) continue;
    const expectation = earlierExpectation(state, again);
    const isAltered = again.oid !== state.oid || !isSame.has(state.oid);
    const why = doubtOf({ isTold: canBeTold(before, after), isOpen: stillOpen.has(state.oid), isAltered });
    if (why === undefined && expectation !== undefined) tables.push(expectation);
    else problems.push({ table: state.table, why: why ?? changed, kind: changed });
  }
  return { tables, problems };
}

/** Why nothing is certain of a table. */
function doubtOf(found: { isTold: boolean; isOpen: boolean; isAltered: boolean }): string | undefined {
  if (!found.isTold) return 'more transactions began while the backup ran than can be told apart';
  if (found.isOpen) return 'a transaction that had written to it was still open when the backup ended';
  return found.isAltered ? 'it was altered while the backup ran' : undefined;
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
  before: string | undefined,
): Promise<Measures> {
  const states = new Map<string, TableState>();
  const problems: Unmeasured[] = [];
  for (const table of tables) {
    const state = await measure(session, table, depthOfTable(table), before);
    if ('problem' in state) {
      const kind = state.lockedBy === undefined ? 'it could not be read' : 'it was locked';
      problems.push({ table, why: state.problem, kind });
    } else states.set(table, state);
  }
  return { states, problems };
}
