import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hasControlChecksum, parseControlFile } from '../../../src/drivers/postgres/server/control-file.ts';
import { doctored, faults, inspected, pathsOf } from '../../support/doctored.ts';
import type { Changes } from '../../support/doctored.ts';
import { labTest } from './lab.ts';

labTest('D2.7: a stored base backup is proven without a server, whole or with each fault named', async ({ lab }) => {
  const { repository, capture, driver, folder, sql, stop } = await lab();
  const location = join(folder, 'history');
  await mkdir(location);
  await sql(`CREATE TABLESPACE history LOCATION '${location}'`);
  await sql('CREATE TABLE old (id int) TABLESPACE history; INSERT INTO old VALUES (1)');
  const record = await capture();
  // What is stored must be enough: there is no server, and no data directory that anybody could look at.
  await stop();

  const good = await inspected(driver, repository, record);
  expect(good.filter(({ ok }) => !ok)).toEqual([]);
  expect(good.map(({ name }) => name)).toEqual([
    'file `.lifeboat/facts.json` and the manifest',
    'file `PG_VERSION`',
    'file `global/pg_control`',
    'file `backup_label`',
    "files of the server's manifest",
    "WAL range of the server's manifest",
    'WAL',
    'folders of tablespaces',
    'file `tablespace_map`',
  ]);

  const names = await pathsOf(repository, record, ({ type }) => type === 'file');
  const segment = names.find((name) => /^pg_wal\/[0-9A-F]{24}$/.test(name)) ?? '';
  const heap = names.find((name) => /^base\/\d+\/1259$/.test(name)) ?? '';
  const inTablespace = names.find((name) => /^pg_tblspc\/\d+\/PG_/.test(name)) ?? '';
  const oid = inTablespace.split('/')[1] ?? '';
  // Each point has several faults that have nothing to do with each other: writing one takes seconds.
  const points: readonly (readonly [changes: Changes, faults: readonly RegExp[]])[] = [
    [
      {
        [segment]: 'absent',
        [heap]: 'absent',
        [inTablespace]: 'absent',
        [`pg_tblspc/${oid}`]: 'absent',
        'base/1/99999': () => Buffer.alloc(8192),
        PG_VERSION: () => Buffer.from('14\n'),
        'global/pg_control': flip(0),
        backup_label: 'absent',
        tablespace_map: () => Buffer.alloc(0),
      },
      [
        exactly(`file \`${segment}\`: absent`),
        exactly('WAL: incomplete'),
        exactly(`file \`${heap}\`: absent`),
        exactly(`file \`${inTablespace}\`: absent`),
        exactly('file `base/1/99999`: 8192 bytes'),
        exactly('file `PG_VERSION`: 14'),
        /^postgres: file `global\/pg_control`: server \d+, checksum is another$/,
        exactly('file `backup_label`: absent'),
        exactly('file `tablespace_map`: '),
      ],
    ],
    [
      {
        [segment]: (whole) => whole.subarray(0, 1 << 20),
        [heap]: (whole) => whole.subarray(8192),
        'global/pg_control': flip(60),
        backup_label: () => Buffer.from('START WAL LOCATION: 0/1 (file 0)\n'),
        '.lifeboat/facts.json': ofAnotherServer,
      },
      [
        exactly(`file \`${segment}\`: 1048576 bytes`),
        new RegExp(`^postgres: file \`${heap}\`: \\d+ bytes$`),
        /^postgres: file `global\/pg_control`: server \d+, checksum is another$/,
        exactly('file `backup_label`: WAL from 0/1'),
        /^postgres: file `\.lifeboat\/facts\.json` and the manifest: server 1234567890123456789, /,
      ],
    ],
    [
      { '.lifeboat/backup_manifest': flip(500) },
      [exactly('file `.lifeboat/backup_manifest`: its checksum is another')],
    ],
    [
      { '.lifeboat/backup_manifest': (whole) => whole.subarray(0, 5000), PG_VERSION: 'absent' },
      [
        exactly('file `.lifeboat/backup_manifest`: it breaks off before its checksum'),
        exactly('file `PG_VERSION`: absent'),
      ],
    ],
    [{ '.lifeboat/facts.json': (whole) => whole.subarray(0, 100) }, [exactly('file `.lifeboat/facts.json`: not JSON')]],
  ];
  for (const [changes, expected] of points) {
    const found = await faults(driver, repository, await doctored(repository, record, changes));
    for (const fault of expected) expect(found).toContainEqual(expect.stringMatching(fault));
  }
});

labTest(
  'a base backup of which most is gone gives a short list, with the number of what it leaves out',
  async ({ lab }) => {
    const { repository, capture, driver } = await lab();
    const record = await capture();
    const gone = await pathsOf(repository, record, ({ type, path }) => type === 'file' && path.startsWith('base/'));
    const bad = await doctored(repository, record, Object.fromEntries(gone.map((path) => [path, 'absent'] as const)));
    const found = await faults(driver, repository, bad);
    expect(found.length).toBeLessThan(25);
    expect(found.at(-1)).toMatch(/^postgres: further faults: \d{3,}$/);
  },
);

labTest('a control file is taken only with its checksum', async ({ lab }) => {
  const { repository, capture } = await lab();
  const { indexId } = await capture();
  const control = Buffer.from((await repository.readFile(indexId, 'global/pg_control')) ?? []);
  expect(hasControlChecksum(control)).toBe(true);
  // Half of an older write: any byte of the fields counts, none of the padding behind them.
  for (let at = 0; at < 288; at += 7) expect(hasControlChecksum(flip(at)(control)), `byte ${at}`).toBe(false);
  expect(hasControlChecksum(flip(4000)(control))).toBe(true);
  expect(parseControlFile(control.subarray(0, 200))).toBeUndefined();
});

function exactly(fault: string): RegExp {
  return new RegExp(`^postgres: ${fault.replace(/[.]/g, '\\.')}$`);
}

function flip(at: number): (content: Buffer) => Buffer {
  return (content) => {
    const other = Buffer.from(content);
    other[at] = (other[at] ?? 0) ^ 1;
    return other;
  };
}

function ofAnotherServer(facts: Buffer): Buffer {
  return Buffer.from(facts.toString().replace(/("systemIdentifier": ")\d+"/, '$11234567890123456789"'));
}
