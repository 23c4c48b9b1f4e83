/** The database whose content is proven: its token and the fingerprints of its tables, before and after the capture. */
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { Session } from '../server/connection.ts';
import { readColumns, readDefinitions, type Definition } from './definitions.ts';
import { earlierExpectation, settle } from './earlier-rows.ts';
import type { EarlierRows, SealedFacts, TableExpectation } from '../facts.ts';
import { beginSnapshot, countUntouched, exactly, isUnchanged, measure, readSnapshot } from './fingerprint.ts';
import type { TableState } from './fingerprint.ts';
import { listTablesNow } from './list-tables.ts';
import type { Transactions } from './passed-over.ts';
import { borderOf, canBeTold, passedOverFirst, passedOverThen, readUnsettled, type Border } from './unsettled.ts';
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
  /** What all rows of each table came to, where nothing in the whole server changed while it was copied; none else. */
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
  const unsettled = await readUnsettled(session);
  const before = await beginSnapshot(session);
  const border = borderOf(unsettled, before);
  // Beside a writer not all rows will count. Else none can have come since, and the hash may become one of all rows.
  const only = before.xmin === before.xmax ? undefined : passedOverFirst(border);
  const names = readable.map(({ table }) => table);
  const measures = await measureAll(session, names, () => ({ bytes: config.fingerprintUpTo }), only);
  const first = { ...measures, definitions: await readDefinitions(session, oidsOf(measures)) };
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
      const { problems, ...earlier } = await compareAgain(session, border, first, signal);
      return { tables: [], earlier, unmeasured: [...hidden, ...first.problems, ...problems] };
    },
  };
}

const changed = 'it changed, or may have, while the backup ran';

interface First extends Measures {
  readonly definitions: ReadonlyMap<string, Definition>;
}

/** Takes the second snapshot. */
async function compareAgain(
  session: Session,
  border: Border,
  first: First,
  signal: AbortSignal,
): Promise<{ passedOver: readonly Transactions[]; tables: TableExpectation[]; problems: Unmeasured[] }> {
  const stillOpen = await settle(session, signal);
  const after = await beginSnapshot(session);
  const passedOver = passedOverThen(border, after);
  const states = [...first.states.values()];
  const second = await measureAll(
    session,
    states.map(({ table }) => table),
    (table) => first.states.get(table)?.depth ?? 'content',
    passedOver,
  );
  const oids = oidsOf(first);
  const definitions = await readDefinitions(session, oids);
  const columns = await readColumns(session, oids);
  const problems = [...second.problems];
  const tables: TableExpectation[] = [];
  for (const state of states) {
    const { table, oid } = state;
    const again = second.states.get(table);
    if (again === undefined) continue;
    const was = first.definitions.get(oid);
    const isAltered = again.oid !== oid || was === undefined || was.version !== definitions.get(oid)?.version;
    const untouched = stillOpen.has(oid) ? await untouchedOf(session, again, passedOver, border) : undefined;
    const expectation = earlierExpectation(state, again, {
      ...(typeof untouched === 'string' ? { untouched } : {}),
      isTextSure: was?.isReferring === false,
    });
    const why = doubtOf({ isTold: canBeTold(border, after), isUnclear: untouched === null, isAltered });
    if (why === undefined && expectation !== undefined)
      tables.push({ ...expectation, columns: columns.get(oid) ?? [] });
    else problems.push({ table, why: why ?? changed, kind: changed });
  }
  await session.rows('COMMIT');
  return { passedOver, tables, problems };
}

/** How many rows an open transaction cannot have taken from a table to which it has written; null where that is not known. */
async function untouchedOf(
  session: Session,
  { table, rows }: TableState,
  passedOver: readonly Transactions[],
  { unknown }: Border,
): Promise<string | null> {
  if (rows === null || unknown !== undefined) return null;
  const counted = await countUntouched(session, table, passedOver);
  return 'problem' in counted ? null : counted.rows;
}

/** Why nothing is certain of a table. */
function doubtOf(found: { isTold: boolean; isUnclear: boolean; isAltered: boolean }): string | undefined {
  if (!found.isTold) return 'more transactions began while the backup ran than can be told apart';
  if (found.isAltered) return 'it was altered while the backup ran';
  return found.isUnclear ? 'a transaction that had written to it was still open when the backup ended' : undefined;
}

export async function readExtensions(session: Session): Promise<SealedFacts['extensions']> {
  const rows = await session.rows('SELECT extname AS name, extversion AS version FROM pg_extension ORDER BY 1');
  return rows.map((row) => ({ name: row['name'] ?? '', version: row['version'] ?? '' }));
}

interface Measures {
  readonly states: ReadonlyMap<string, TableState>;
  readonly problems: readonly Unmeasured[];
}

function oidsOf({ states }: Measures): string[] {
  return [...states.values()].map(({ oid }) => oid);
}

async function measureAll(
  session: Session,
  tables: readonly string[],
  depthOfTable: (table: string) => Parameters<typeof measure>[2],
  passedOver: readonly Transactions[] | undefined,
): Promise<Measures> {
  const states = new Map<string, TableState>();
  const problems: Unmeasured[] = [];
  for (const table of tables) {
    const state = await measure(session, table, depthOfTable(table), passedOver);
    if ('problem' in state) {
      const kind = state.lockedBy === undefined ? 'it could not be read' : 'it was locked';
      problems.push({ table, why: state.problem, kind });
    } else states.set(table, state);
  }
  return { states, problems };
}
