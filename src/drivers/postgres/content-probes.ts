/** Compares a server's content with what the capture sealed. */
import { notCompared } from '../../domain/probes.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { Session } from './connection.ts';
import type { SealedFacts } from './facts.ts';
import { beginSnapshot, listTables, measure } from './fingerprint.ts';
import type { TableExpectation, TableState } from './fingerprint.ts';
import { unreadable, type Unreadable } from './read-table.ts';
import { tablesWithoutMeasure } from './text-settings.ts';
import { hasToken } from './token.ts';

/** Every table's count and content, the token row, and the unlogged tables, over a session of the probed database. */
export async function probeContent(session: Session, facts: SealedFacts, component: string): Promise<ProbeResult[]> {
  const results: ProbeResult[] = [];
  await beginSnapshot(session, facts.textSettings);
  const unfixed = await tablesWithoutMeasure(session, facts);
  for (const expectation of facts.tables) {
    const { table, depth } = expectation;
    const name = `table ${table}`;
    const why = unfixed.get(table);
    if (why !== undefined && expectation.hash !== null) {
      results.push(notCompared({ component, name, expected: describe(rangeOf(expectation), null, depth) }, why));
      continue;
    }
    results.push(probeTable({ component, name }, expectation, await measure(session, table, depth)));
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

export function probeTable(
  table: Pick<ProbeResult, 'component' | 'name'>,
  expectation: TableExpectation,
  state: TableState | Unreadable,
): ProbeResult {
  if (!('problem' in state)) return { ...table, ...compare(expectation, state) };
  const expected = describe(rangeOf(expectation), expectation.hash, expectation.depth);
  return unreadable({ ...table, expected }, state);
}

export function compare(
  expectation: TableExpectation,
  state: TableState,
): Pick<ProbeResult, 'expected' | 'actual' | 'ok' | 'content'> {
  const expected = describe(rangeOf(expectation), expectation.hash, expectation.depth);
  const hash = expectation.hash === null ? null : state.hash;
  const actual = describe(state.rows, hash, expectation.depth);
  const ok = isWithin(expectation, state.rows) && expectation.hash === hash;
  // A large table that changed has neither: that it can be read proves nothing of what is in it.
  const isCompared = expectation.hash !== null || expectation.leastRows !== null;
  return { expected, actual, ok, ...(isCompared ? { content: true } : {}) };
}

function isWithin({ leastRows, mostRows }: TableExpectation, rows: string | null): boolean {
  if (leastRows === null || mostRows === null) return true;
  return rows !== null && BigInt(leastRows) <= BigInt(rows) && BigInt(rows) <= BigInt(mostRows);
}

function rangeOf({ leastRows, mostRows }: TableExpectation): string | null {
  return leastRows === mostRows ? leastRows : `${leastRows} to ${mostRows}`;
}

/** The first 16 digits of a hash are for people; the comparison takes all. */
function describe(rows: string | null, hash: string | null, depth: TableExpectation['depth']): string {
  const parts: string[] = [];
  if (rows !== null) parts.push(`${rows} rows`);
  if (hash !== null) parts.push(`${depth === 'content' ? 'content' : 'first blocks'} ${hash.slice(0, 16)}`);
  return parts.length === 0 ? 'readable' : parts.join(', ');
}
