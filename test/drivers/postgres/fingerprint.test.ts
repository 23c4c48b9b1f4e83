import { expect, test } from 'vitest';
import { isFailed } from '../../../src/domain/probes.ts';
import { compare, probeTable } from '../../../src/drivers/postgres/verify/content-probes.ts';
import { earlierExpectation } from '../../../src/drivers/postgres/verify/earlier-rows.ts';
import { depthOf, exactly, isUnchanged } from '../../../src/drivers/postgres/verify/fingerprint.ts';
import type { TableState } from '../../../src/drivers/postgres/verify/fingerprint.ts';

const sure = { isTextSure: true };
const state: TableState = { table: 'public.t', oid: '20000', depth: 'content', rows: '10', hash: 'aa' };

test('D6.5: of a table that nobody wrote exactly this is expected', () => {
  const expectation = exactly(state);
  expect(expectation).toMatchObject({ leastRows: '10', mostRows: '10', hash: 'aa' });
  expect(compare(expectation, state)).toMatchObject({ ok: true, content: true });
  expect(compare(expectation, { ...state, hash: 'bb' }).ok).toBe(false);
});

test('D6.5: rows from before that both measures show are expected exactly, whatever came beside them', () => {
  const expectation = earlierExpectation(state, state, sure)!;
  expect(expectation).toEqual(exactly(state));
  expect(compare(expectation, state, true)).toEqual({
    expected: '10 rows from before the backup, content aa',
    actual: '10 rows from before the backup, content aa',
    ok: true,
    content: true,
  });
});

test('D6.5: rows from before that went give bounds, and none that must be there is no proof', () => {
  const expectation = earlierExpectation(state, { ...state, rows: '7', hash: 'bb' }, sure)!;
  expect(expectation).toMatchObject({ leastRows: '7', mostRows: '10', hash: null });
  expect(compare(expectation, { ...state, rows: '8', hash: 'cc' }, true)).toMatchObject({ ok: true, content: true });
  for (const rows of ['6', '11']) expect(compare(expectation, { ...state, rows }, true).ok).toBe(false);
  const none = earlierExpectation(state, { ...state, rows: '0', hash: 'ee' }, sure)!;
  expect(compare(none, { ...state, rows: '0', hash: 'ee' }, true)).not.toHaveProperty('content');
});

test('D6.5: a counted table keeps the hash of its first blocks while others of its rows go', () => {
  const counted = { ...state, depth: 'count' as const };
  expect(earlierExpectation(counted, { ...counted, rows: '7' }, sure)).toMatchObject({
    leastRows: '7',
    mostRows: '10',
    hash: 'aa',
  });
});

test('D6.5: rows from before cannot become more', () => {
  expect(earlierExpectation(state, { ...state, rows: '11' }, sure)).toBeUndefined();
});

test('D6.5: a table that cannot be read after the restore is a failed probe with the reason', () => {
  const expectation = exactly(state);
  const table = { component: 'postgres', name: 'table public.t' };
  const failed = { ...table, ok: false, actual: 'relation does not exist' };
  expect(probeTable(table, expectation, { problem: 'relation does not exist' })).toMatchObject(failed);
  const problem = 'locked by another session (pid 7)';
  expect(isFailed(probeTable(table, expectation, { problem, lockedBy: 'session' }))).toBe(true);
  expect(isFailed(probeTable(table, expectation, { problem, lockedBy: 'prepared transaction' }))).toBe(false);
});

test('D6.5: of what an open transaction may have taken only the rest must be there', () => {
  const open = { ...sure, untouched: '8' };
  expect(earlierExpectation(state, state, open)).toMatchObject({ leastRows: '8', mostRows: '10', hash: null });
  expect(earlierExpectation(state, state, { ...sure, untouched: '10' })).toEqual(exactly(state));
  expect(earlierExpectation(state, state, { isTextSure: false })).toEqual({ ...exactly(state), hash: null });
});

test('D6.5: rows without a hash are compared by names and types of their columns', () => {
  const columns = ['id integer', 'secret text', 'v integer'];
  const expectation = { ...exactly(state), hash: null, columns };
  expect(compare(expectation, { ...state, columns }, true)).toEqual({
    expected: '10 rows from before the backup, 3 columns',
    actual: '10 rows from before the backup, 3 columns',
    ok: true,
    content: true,
  });
  for (const [found, text] of [
    [['id integer', 'v integer'], '2 columns: without `secret text`'],
    [['id bigint', 'secret text', 'v integer'], '3 columns: without `id integer`, but with `id bigint`'],
    [['id integer', 'v integer', 'secret text'], '3 columns: in another order'],
  ] as const) {
    const { ok, actual } = compare(expectation, { ...state, columns: found }, true);
    expect([ok, actual]).toEqual([false, `10 rows from before the backup, ${text}`]);
  }
});

test('nothing changed only if nobody wrote at either snapshot and no transaction began between them', () => {
  const at = (xmin: string, xmax: string, isWriting = false) => ({ xmin, xmax, running: [], isWriting });
  expect(isUnchanged(at('7', '7'), at('7', '7'))).toBe(true);
  expect(isUnchanged(at('6', '7'), at('7', '7'))).toBe(false);
  expect(isUnchanged(at('7', '7'), at('8', '8'))).toBe(false);
  expect(isUnchanged(at('7', '7'), at('7', '7', true))).toBe(false);
});

test('the depth of a fingerprint follows the size of the table', () => {
  expect([10, 100, 101, 6400, 6401].map((bytes) => depthOf(bytes, 100))).toEqual([
    'content',
    'content',
    'count',
    'count',
    'sample',
  ]);
});
