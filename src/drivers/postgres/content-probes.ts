/** Compares a server's content with what the capture sealed. */
import { isFailed, notCompared } from '../../domain/probes.ts';
import type { ComponentRecord, ProbeResult } from '../../domain/recovery-point.ts';
import type { Session } from './connection.ts';
import { expectedTables, type SealedFacts } from './facts.ts';
import { beginSnapshot, measure } from './fingerprint.ts';
import type { TableExpectation, TableState } from './fingerprint.ts';
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
  const before = facts.earlier?.before;
  for (const expectation of expectedTables(facts)) {
    const { table, depth } = expectation;
    const name = `table ${table}`;
    const state = await measure(session, table, depth, before);
    const why = 'problem' in state ? undefined : unfixed.get(state.oid);
    if (why !== undefined && expectation.hash !== null) {
      results.push(notCompared({ component, name, expected: describe({ ...expectation, hash: null }, before) }, why));
      continue;
    }
    const probe = probeTable({ component, name }, expectation, state, before);
    const isCertain = before !== undefined || quiescence === 'quiesced' || 'problem' in state;
    results.push(isFailed(probe) && !isCertain ? notCompared(probe, `${probe.actual}, and ${uncertain}`) : probe);
  }
  for (const { table, why } of facts.unmeasured ?? []) {
    results.push(notCompared({ component, name: `table ${table}`, expected: 'no measure of the capture' }, why));
  }
  if (facts.token !== null) {
    const found = await hasToken(session, facts.token);
    const probe = { component, name: 'backup token', expected: `row of backup ${facts.token.backupId}` };
    results.push(
      typeof found === 'boolean'
        ? { ...probe, actual: found ? probe.expected : 'no such row', ok: found, content: true }
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

/** `before`: only rows that were written before this transaction are meant. */
export function probeTable(
  table: Pick<ProbeResult, 'component' | 'name'>,
  expectation: TableExpectation,
  state: TableState | Unreadable,
  before?: string,
): ProbeResult {
  if (!('problem' in state)) return { ...table, ...compare(expectation, state, before) };
  return unreadable({ ...table, expected: describe(expectation, before) }, state);
}

export function compare(
  expectation: TableExpectation,
  { rows, hash: found }: TableState,
  before?: string,
): Pick<ProbeResult, 'expected' | 'actual' | 'ok' | 'content'> {
  const { depth, leastRows } = expectation;
  const hash = expectation.hash === null ? null : found;
  const ok = isWithin(expectation, rows) && expectation.hash === hash;
  // That a table can be read, or has none of the rows from before, proves nothing of what is in it.
  const isCompared =
    leastRows === null || (leastRows === '0' && before === undefined) ? hash !== null : leastRows !== '0';
  return {
    expected: describe(expectation, before),
    actual: describe({ depth, leastRows: rows, mostRows: rows, hash }, before),
    ok,
    ...(isCompared ? { content: true } : {}),
  };
}

function isWithin({ leastRows, mostRows }: TableExpectation, rows: string | null): boolean {
  if (leastRows === null || mostRows === null) return true;
  return rows !== null && BigInt(leastRows) <= BigInt(rows) && BigInt(rows) <= BigInt(mostRows);
}

/** The first 16 digits of a hash are for people; the comparison takes all. */
function describe(shown: Omit<TableExpectation, 'table'>, before: string | undefined): string {
  const { leastRows, mostRows, hash, depth } = shown;
  const parts: string[] = [];
  if (leastRows !== null) {
    const range = leastRows === mostRows ? leastRows : `${leastRows} to ${mostRows}`;
    parts.push(`${range} rows${before === undefined ? '' : ' from before the backup'}`);
  }
  if (hash !== null) parts.push(`${depth === 'content' ? 'content' : 'first blocks'} ${hash.slice(0, 16)}`);
  return parts.length === 0 ? 'readable' : parts.join(', ');
}
