import { expect, test } from 'vitest';
import { isFailed } from '../../../src/domain/probes.ts';
import { compare, probeTable } from '../../../src/drivers/postgres/content-probes.ts';
import { depthOf, expectationOf, isUnchanged } from '../../../src/drivers/postgres/fingerprint.ts';
import type { TableState } from '../../../src/drivers/postgres/fingerprint.ts';

const state: TableState = { table: 'public.t', depth: 'content', rows: '10', hash: 'aa', inserted: '10', deleted: '0' };

test('D6.5: equal contents before and after the stop give an exact expectation', () => {
  const expectation = expectationOf(state, { ...state, inserted: '99', deleted: '99' });
  expect(expectation).toMatchObject({ leastRows: '10', mostRows: '10', hash: 'aa' });
  expect(compare(expectation, state).ok).toBe(true);
  expect(compare(expectation, { ...state, hash: 'bb' }).ok).toBe(false);
});

test('D6.5: a table that moved gives bounds that hold also where it grew and shrank in between', () => {
  const after = { ...state, rows: '12', hash: 'bb', inserted: '40', deleted: '28' };
  const expectation = expectationOf(state, after);
  expect(expectation).toMatchObject({ leastRows: '0', mostRows: '42', hash: null });
  expect(compare(expectation, { ...state, rows: '42', hash: 'cc' }).ok).toBe(true);
  expect(compare(expectation, { ...state, rows: '43', hash: 'aa' }).ok).toBe(false);
});

test('D6.5: a counted table is not exact by an equal count if rows came and went', () => {
  const counted = { ...state, depth: 'count' as const };
  expect(expectationOf(counted, { ...counted, inserted: '13', deleted: '3' })).toMatchObject({
    leastRows: '7',
    mostRows: '13',
    hash: 'aa',
  });
});

test('D6.5: a table that cannot be read after the restore is a failed probe with the reason', () => {
  const expectation = expectationOf(state, state);
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
