import { expect, test } from 'vitest';
import { isFailed } from '../../../src/domain/probes.ts';
import { compare, probeTable } from '../../../src/drivers/postgres/content-probes.ts';
import { earlierExpectation } from '../../../src/drivers/postgres/earlier-rows.ts';
import { depthOf, exactly, isUnchanged } from '../../../src/drivers/postgres/fingerprint.ts';
import type { TableState } from '../../../src/drivers/postgres/fingerprint.ts';

const state: TableState = { table: 'public.t', oid: '20000', depth: 'content', rows: '10', hash: 'aa' };

test('D6.5: of a table that nobody wrote exactly this is expected', () => {
  const expectation = exactly(state);
  expect(expectation).toMatchObject({ leastRows: '10', mostRows: '10', hash: 'aa' });
  expect(compare(expectation, state)).toMatchObject({ ok: true, content: true });
  expect(compare(expectation, { ...state, hash: 'bb' }).ok).toBe(false);
});

test('D6.5: rows from before that both measures show are expected exactly, whatever came beside them', () => {
  const expectation = earlierExpectation(state, state)!;
  expect(expectation).toEqual(exactly(state));
  expect(compare(expectation, state, '700')).toEqual({
    expected: '10 rows from before the backup, content aa',
    actual: '10 rows from before the backup, content aa',
    ok: true,
    content: true,
  });
});

test('D6.5: rows from before that went give bounds, and none that must be there is no proof', () => {
  const expectation = earlierExpectation(state, { ...state, rows: '7', hash: 'bb' })!;
  expect(expectation).toMatchObject({ leastRows: '7', mostRows: '10', hash: null });
  expect(compare(expectation, { ...state, rows: '8', hash: 'cc' }, '700')).toMatchObject({ ok: true, content: true });
  for (const rows of ['6', '11']) expect(compare(expectation, { ...state, rows }, '700').ok).toBe(false);
  const none = earlierExpectation(state, { ...state, rows: '0', hash: 'ee' })!;
  expect(compare(none, { ...state, rows: '0', hash: 'ee' }, '700')).not.toHaveProperty('content');
});

test('D6.5: a counted table keeps the hash of its first blocks while others of its rows go', () => {
  const counted = { ...state, depth: 'count' as const };
  expect(earlierExpectation(counted, { ...counted, rows: '7' })).toMatchObject({
    leastRows: '7',
    mostRows: '10',
    hash: 'aa',
  });
});

test('D6.5: rows from before cannot become more', () => {
  expect(earlierExpectation(state, { ...state, rows: '11' })).toBeUndefined();
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

test('nothing changed only if nobody wrote at the first snapshot and no transaction began until the second', () => {
  expect(isUnchanged({ xmin: '7', xmax: '7' }, { xmin: '7', xmax: '7' })).toBe(true);
  expect(isUnchanged({ xmin: '6', xmax: '7' }, { xmin: '7', xmax: '7' })).toBe(false);
  expect(isUnchanged({ xmin: '7', xmax: '7' }, { xmin: '8', xmax: '8' })).toBe(false);
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
