import { EventEmitter } from 'node:events';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { collectNotices, type Notice } from '../../../src/drivers/postgres/capture/notices.ts';

function collected(...notices: Notice[]) {
  const client = new EventEmitter();
  const collector = collectNotices(client as pg.Client, 'db');
  for (const notice of notices) client.emit('notice', notice);
  return collector;
}

const skipping = { code: '01000', file: 'basebackup.c', routine: 'sendDir' };
const checksum = { code: '01000', file: '/src/backend/backup/basebackup.c', routine: 'sendFile' };

test.each([
  ['skipping special file "./base/5"', 'base/5'],
  ['überspringe besondere Datei »./pg_hba.conf«', 'pg_hba.conf'],
  ['ignore le fichier spécial « ./log »', 'log'],
  ['特殊ファイル"./a "b" c"をスキップしています', 'a "b" c'],
  ['пропускается специальный файл "/mnt/space/PG_15/5"', '/mnt/space/PG_15/5'],
  ['a text without quotes', 'a text without quotes'],
])('F1: the server skips something, whatever language it speaks: %s', (message, path) => {
  const twice = [
    { ...skipping, message },
    { ...skipping, message },
  ];
  expect(collected(...twice).end()).toEqual({ skipped: [path], corrupt: [] });
});

test('D6.1: pages with a wrong checksum are named, the lines that count them are not', () => {
  const page = (file: string, block: number): Notice => ({
    ...checksum,
    message: `checksum verification failed in file "./${file}", block ${block}: calculated 4F2 but expected 12`,
  });
  const { corrupt } = collected(
    page('base/5/1', 3),
    page('base/5/2', 7),
    page('base/5/2', 9),
    { ...checksum, message: 'file "./base/5/2" has a total of 2 checksum verification failures' },
    { ...checksum, routine: 'perform_base_backup', message: '3 total checksum verification failures' },
  ).end();
  expect(corrupt).toEqual(['base/5/1 block 3', 'base/5/2 block 7', 'base/5/2 block 9']);
});

test('F1: a warning that nobody knows fails the capture in the server’s own words; what is less than one passes', () => {
  expect(
    collected({ code: '00000', message: 'base backup done', file: 'xlog.c', routine: 'do_pg_backup_stop' }).end(),
  ).toEqual({
    skipped: [],
    corrupt: [],
  });
  const unknown = {
    code: '01000',
    message: 'symbolischer Link »pg_tblspc/1«',
    file: 'xlog.c',
    routine: 'do_pg_backup_start',
  };
  expect(() => collected(unknown).end()).toThrow(
    expect.objectContaining({
      code: 'EngineFailed',
      message: expect.stringContaining('»pg_tblspc/1« [xlog.c, do_pg_backup_start]') as string,
    }) as Error,
  );
});
