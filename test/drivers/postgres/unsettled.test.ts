import { expect, test } from 'vitest';
import { isEarlier } from '../../../src/drivers/postgres/verify/passed-over.ts';
import {
  borderOf,
  canBeTold,
  passedOverFirst,
  passedOverThen,
} from '../../../src/drivers/postgres/verify/unsettled.ts';

const room = 2n ** 20n;
const snapshot = (xmin: string, xmax: string, running: string[] = []) => ({ xmin, xmax, running, isWriting: false });
const unsettled = { askedFrom: 5000n, begunFrom: 9000n, running: [['8000', '8003']] } as const;

test('D6.5: beside nobody who writes the rows of all that come later are passed over, and no others', () => {
  const border = borderOf(unsettled, snapshot('9100', '9100'));
  expect(passedOverFirst(border)).toEqual([['9100', `${9100n + room}`]]);
});

test('D6.5: what ran, with its subtransactions, and what began since then is passed over', () => {
  const border = borderOf(unsettled, snapshot('8000', '9100', ['8000', '9050']));
  const expected = [
    ['8000', '8003'],
    ['9000', `${9000n + room}`],
  ];
  expect(passedOverFirst(border)).toEqual(expected);
  expect(passedOverThen(border, snapshot('9200', '9200'))).toEqual(expected);
});

test('D6.5: subtransactions that nobody could ask about are passed over where their transaction may have ended', () => {
  const border = borderOf(unsettled, snapshot('70', '9100', ['70', '80', '8000']));
  const known = [
    ['8000', '8003'],
    ['70', '71'],
    ['80', '81'],
  ];
  const begun = ['9000', `${9000n + room}`];
  expect(passedOverFirst(border)).toEqual([...known, begun]);
  expect(passedOverThen(border, snapshot('70', '9200', ['70', '80']))).toEqual([...known, begun]);
  expect(passedOverThen(border, snapshot('70', '9200', ['70']))).toEqual([...known, ['80', '5000'], begun]);
});

test('D6.5: there is room for transactions after the second measure, however many there were before it', () => {
  const border = borderOf(unsettled, snapshot('9100', '9100'));
  const at = (xmax: bigint) => passedOverThen(border, snapshot(`${xmax}`, `${xmax}`)).at(-1)![1];
  expect(at(9100n + room / 2n)).toBe(`${9100n + room}`);
  expect(at(9101n + room / 2n)).toBe(`${9101n + room / 2n + room}`);
  expect(canBeTold(border, snapshot('1', `${2n ** 31n}`))).toBe(true);
  expect(canBeTold(border, snapshot('1', `${2n ** 31n + 9100n}`))).toBe(false);
});

test.each([
  [[['700', '705']], '[700,705)'],
  [[['4294967290', '4294967310']], '[4294967290,4294967296),[3,14)'],
  [[['4294967290', '4294967298']], '[4294967290,4294967296)'],
  [
    [
      ['4294967297', '4294967302'],
      ['8589934600', '8589934601'],
    ],
    '[3,6),[8,9)',
  ],
  [[['4294967299', '8589934592']], '[3,4294967296)'],
  [[['700', `${2n ** 40n}`]], '[700,4294967296),[3,700)'],
  [[['9', '9']], ''],
] as const)('a row shows the last 32 bits of %j', (passedOver, ranges) => {
  expect(isEarlier('xmin', passedOver)).toBe(`(NOT '{${ranges}}'::int8multirange @> xmin::text::bigint)`);
});
