import { expect, test } from 'vitest';
import { formatLsn, parseLsn, walFilesBetween } from '../../src/domain/lsn.ts';

const megabyte = 1024 * 1024;

test('an LSN keeps all 64 bits', () => {
  expect(parseLsn('FFFFFFFF/FFFFFFFF')).toBe(2n ** 64n - 1n);
  expect(formatLsn(parseLsn('16/B374D848'))).toBe('16/B374D848');
  expect(() => parseLsn('16-B374D848')).toThrow('not a WAL position');
});

test('names every segment from start to stop, the stop itself excluded', () => {
  expect(walFilesBetween(1, parseLsn('0/FF000028'), parseLsn('1/1000100'), 16 * megabyte)).toEqual([
    '0000000100000000000000FF',
    '000000010000000100000000',
    '000000010000000100000001',
  ]);
  expect(walFilesBetween(2, parseLsn('0/2000028'), parseLsn('0/3000000'), 16 * megabyte)).toEqual([
    '000000020000000000000002',
  ]);
});

test('counts segments of another size as PostgreSQL names them', () => {
  expect(walFilesBetween(1, parseLsn('0/40000028'), parseLsn('0/40000100'), 64 * megabyte)).toEqual([
    '000000010000000000000010',
  ]);
});
