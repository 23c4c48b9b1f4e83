/** Compares a server's content with what the capture sealed. */
import { plural } from '../../../domain/plural.ts';
import { isFailed, isProven, notCompared } from '../../../domain/probes.ts';
import type { ComponentRecord, ProbeResult } from '../../../domain/recovery-point.ts';
import type { Session } from '../server/connection.ts';
import { readColumns } from './definitions.ts';
import { expectedTables, passedOverOf, type SealedFacts, type TableExpectation } from '../facts.ts';
import { beginSnapshot, measure } from './fingerprint.ts';
import type { TableState } from './fingerprint.ts';
import { listTables } from './list-tables.ts';
import { unreadable, type Unreadable } from './read-table.ts';
import { tablesWithoutMeasure } from './text-settings.ts';
import { hasToken } from './token.ts';

/** Every table's count and content, the token row, and the unlogged tables, over a session of the probed database. */
export async function probeContent(
  session: Session,
  facts: SealedFacts,
  { id: component, quiescence }: Pick<ComponentRecord, 'id' | 'quiescence'>,
): Promise<ProbeResult[]> {
  const results: ProbeResult[] = [];
  await beginSnapshot(session, facts.textSettings);
  const unfixed = await tablesWithoutMeasure(session, facts);
  const passedOver = passedOverOf(facts);
  const isPart = passedOver !== undefined;
  const states: [TableExpectation, TableState | Unreadable][] = [];
  for (const expectation of expectedTables(facts))
    states.push([expectation, await measure(session, expectation.table, expectation.depth, passedOver)]);
  const columns = await readColumns(
    session,
    states.flatMap(([, state]) => ('problem' in state ? [] : [state.oid])),
  );
  for (const [expectation, state] of states) {
    const name = `table ${expectation.table}`;
    const why = 'problem' in state ? undefined : unfixed.get(state.oid);
    if (why !== undefined && expectation.hash !== null) {
      results.push(notCompared({ component, name, expected: describe({ ...expectation, hash: null }, isPart) }, why));
      continue;
    }
    const found = 'problem' in state ? state : { ...state, columns: columns.get(state.oid) ?? [] };
    const probe = probeTable({ component, name }, expectation, found, isPart);
    const isCertain = isPart || quiescence === 'quiesced' || 'problem' in state;
    results.push(isFailed(probe) && !isCertain ? notCompared(probe, `${probe.actual}, and ${uncertain}`) : probe);
  }
  for (const { table, why } of facts.unmeasured ?? []) {
    results.push(notCompared({ component, name: `table ${table}`, expected: 'no measure of the capture' }, why));
  }
  if (facts.token !== null) {
    const found = await hasToken(session, facts.token);
    const probe = { component, name: 'backup token', expected: `row of backup ${facts.token.backupId}` };
    const content = (await isAllContent(session, facts, results)) ? { content: true as const } : {};
    results.push(
      typeof found === 'boolean'
        ? { ...probe, actual: found ? probe.expected : 'no such row', ok: found, ...content }
        : unreadable(probe, found),
    );
  }
  results.push(...(await probeUnlogged(session, facts.unlogged, component)));
  await session.rows('COMMIT');
  return results;
}

/** Recovery empties them. Those that the role may not read are left out, as they are at the capture. */
async function probeUnlogged(session: Session, tables: readonly string[], component: string): Promise<ProbeResult[]> {
  if (tables.length === 0) return [];
  const hidden = (await listTables(session)).filter((each) => each.hidden !== undefined).map(({ table }) => table);
  const results: ProbeResult[] = [];
  for (const table of tables.filter((name) => !hidden.includes(name))) {
    const state = await measure(session, table, 'count');
    const probe = { component, name: `table ${table}`, expected: '0 rows: it is unlogged' };
    results.push(
      'problem' in state
        ? unreadable(probe, state)
        : { ...probe, actual: `${state.rows ?? '?'} rows`, ok: state.rows === '0' },
    );
  }
  return results;
}

/** Older versions took two measures that agree for a proof of what was between them, and counted by statistics that lag. */
const uncertain = 'the recovery point does not say whether the table changed while the backup ran';

/** Our own row says nothing of tables that have rows, where none of these was compared. */
async function isAllContent(session: Session, facts: SealedFacts, tables: readonly ProbeResult[]): Promise<boolean> {
  if (isProven(tables)) return true;
  if ((facts.unmeasured ?? []).length > 0) return false;
  for (const { table } of expectedTables(facts)) {
    const state = await measure(session, table, 'count');
    if ('problem' in state || state.rows !== '0') return false;
  }
  return true;
}

/** `isPart`: only rows from before the backup are meant. */
export function probeTable(
  table: Pick<ProbeResult, 'component' | 'name'>,
  expectation: TableExpectation,
  state: FoundTable | Unreadable,
  isPart = false,
): ProbeResult {
  if (!('problem' in state)) return { ...table, ...compare(expectation, state, isPart) };
  return unreadable({ ...table, expected: describe(expectation, isPart) }, state);
}

export interface FoundTable extends TableState {
  /** Needed where some are expected. */
  readonly columns?: readonly string[];
}

export function compare(
  expectation: TableExpectation,
  { rows, hash: found, columns = [] }: FoundTable,
  isPart = false,
): Pick<ProbeResult, 'expected' | 'actual' | 'ok' | 'content'> {
  const { depth, leastRows } = expectation;
  const hash = expectation.hash === null ? null : found;
  const difference = differenceOf(expectation.columns ?? columns, columns);
  const ok = isWithin(expectation, rows) && expectation.hash === hash && difference === undefined;
  // That a table can be read, or has none of the rows from before, proves nothing of what is in it.
  const isCompared = leastRows === null || (leastRows === '0' && !isPart) ? hash !== null : leastRows !== '0';
  const asked = expectation.columns === undefined ? {} : { columns };
  const actual = describe({ depth, leastRows: rows, mostRows: rows, hash, ...asked }, isPart);
  return {
    expected: describe(expectation, isPart),
    actual: difference === undefined ? actual : `${actual}: ${difference}`,
    ok,
    ...(isCompared ? { content: true } : {}),
  };
}

/** What columns differ in; undefined where they are the same. */
function differenceOf(expected: readonly string[], found: readonly string[]): string | undefined {
  const list = (words: string, columns: readonly string[]) =>
    columns.length === 0 ? [] : [`${words} ${columns.map((column) => `\`${column}\``).join(', ')}`];
  const parts = [
    ...list(
      'without',
      expected.filter((column) => !found.includes(column)),
    ),
    ...list(
      'with',
      found.filter((column) => !expected.includes(column)),
    ),
  ];
  if (parts.length > 0) return parts.join(', but ');
  return expected.every((column, at) => column === found[at]) ? undefined : 'in another order';
}

function isWithin({ leastRows, mostRows }: TableExpectation, rows: string | null): boolean {
  if (leastRows === null || mostRows === null) return true;
  return rows !== null && BigInt(leastRows) <= BigInt(rows) && BigInt(rows) <= BigInt(mostRows);
}

/** The first 16 digits of a hash are for people; the comparison takes all. */
function describe(shown: Omit<TableExpectation, 'table'>, isPart: boolean): string {
  const { leastRows, mostRows, hash, depth, columns } = shown;
  const parts: string[] = [];
  if (leastRows !== null) {
    const range = leastRows === mostRows ? leastRows : `${leastRows} to ${mostRows}`;
    parts.push(`${range} rows${isPart ? ' from before the backup' : ''}`);
  }
  if (hash !== null) parts.push(`${depth === 'content' ? 'content' : 'first blocks'} ${hash.slice(0, 16)}`);
  if (columns !== undefined) parts.push(plural(columns.length, 'column'));
  return parts.length === 0 ? 'readable' : parts.join(', ');
}
