import { expect, test } from 'vitest';
import { includesOf, isOutside } from '../../../src/drivers/postgres/capture/config-files.ts';

test('finds every kind of include in postgresql.conf, and no comment', () => {
  const text = `# include 'no.conf'
include 'plain.conf'
include_if_exists = '/etc/maybe.conf'
  include_dir 'conf.d'  # folder
Include "it''s.conf"
include 'o''brien.conf'
listen_addresses = '@localhost'`;
  expect(includesOf(text, 'settings')).toEqual([
    { kind: 'file', path: 'plain.conf' },
    { kind: 'optional', path: '/etc/maybe.conf' },
    { kind: 'folder', path: 'conf.d' },
    { kind: 'file', path: "it''s.conf" },
    { kind: 'file', path: "o'brien.conf" },
  ]);
});

test('finds files of names in pg_hba.conf', () => {
  const text = `host @databases.txt alice,@"more users" 10.0.0.0/8 md5 # @not
local all alice@example peer`;
  expect(includesOf(text, 'rules')).toEqual([
    { kind: 'names', path: 'databases.txt' },
    { kind: 'names', path: 'more users' },
  ]);
});

test('a path beside the data directory is outside, also with the same beginning', () => {
  expect(isOutside('/srv/data/postgresql.conf', '/srv/data')).toBe(false);
  expect(isOutside('/srv/data-old/postgresql.conf', '/srv/data')).toBe(true);
  expect(isOutside('/etc/postgresql.conf', '/srv/data')).toBe(true);
});
