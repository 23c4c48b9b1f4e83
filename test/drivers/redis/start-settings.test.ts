import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { parseArguments, quoteWord, splitWords } from '../../../src/drivers/redis/config-text.ts';
import {
  changedSettings,
  layoutFor,
  nextStart,
  readLive,
  type StartSource,
} from '../../../src/drivers/redis/start-settings.ts';
import type { RedisFacts } from '../../../src/drivers/redis/facts.ts';

const files: Readonly<Record<string, string>> = {
  '/etc/redis.conf': '# main\nAppendOnly yes\ninclude /etc/more.conf\ndbfilename "last wins.rdb"\n',
  '/etc/closed.conf': 'appendonly no\ninclude /etc/may-not-be-read.conf\n',
  '/etc/more.conf': "dbfilename first.rdb\nappendfilename 'it\\'s.aof'\nmaxmemory 1gb\n",
};
const source = (more: Partial<StartSource>): StartSource => ({
  commands: [],
  configFile: undefined,
  read: async (path) => files[path],
  ...more,
});
const facts = { appendOnly: false, dumpName: 'ran.rdb', appendFolder: 'ran', appendName: 'ran.aof' } as RedisFacts;
const layout = async (more: Partial<StartSource>) => {
  const { appendOnly, dumpName, appendFolder, appendName } = layoutFor(facts, await nextStart(source(more)));
  return [appendOnly, dumpName, appendFolder, appendName];
};

test('F3: the next start takes arguments before the file before defaults; what is not known leaves what ran', async () => {
  const inFile = [true, 'last wins.rdb', 'appendonlydir', "it's.aof"];
  expect(await layout({ configFile: '/etc/redis.conf' })).toEqual(inFile);
  expect(await layout({ commands: [['/usr/bin/redis-server', '/etc/redis.conf']], configFile: '/etc/other' })).toEqual(
    inFile,
  );
  const own = ['redis-server', '/etc/redis.conf', '--port', '1', '--appendonly', 'no', '--dbfilename', 'a.rdb'];
  expect(await layout({ commands: [['nice', ...own]] })).toEqual([false, 'a.rdb', 'appendonlydir', "it's.aof"]);
  expect(await layout({ commands: [['redis-server', '--appendonly', 'yes']] })).toEqual([
    true,
    'dump.rdb',
    'appendonlydir',
    'appendonly.aof',
  ]);
  const asItRan = [false, 'ran.rdb', 'ran', 'ran.aof'];
  expect(await layout({ configFile: '/etc/gone.conf' })).toEqual(asItRan);
  expect(await layout({ configFile: '/etc/closed.conf' })).toEqual(asItRan);
  expect(await layout({ commands: [['sh', '-c', 'redis-server']] })).toEqual(asItRan);
});

test('F3: only settings that differ in what they mean are told', async () => {
  const next = await nextStart(source({ configFile: '/etc/redis.conf' }));
  const running = new Map([
    ['appendonly', 'yes'],
    ['dbfilename', 'other.rdb'],
    ['maxmemory', '1073741824'],
    ['databases', '32'],
    ['dir', '/data'],
  ]);
  expect(changedSettings(running, next)).toEqual(['dbfilename', 'databases']);
  expect(changedSettings(running, undefined)).toEqual([]);
});

test('words are read and written as the server does', () => {
  expect(splitWords(String.raw`save "" "a\"b\x41\n" 'it\'s' plain`)).toEqual(['save', '', 'a"bA\n', "it's", 'plain']);
  expect(splitWords('broken "quote')).toBeUndefined();
  expect(quoteWord('appendonly.aof.1.base.rdb')).toBe('appendonly.aof.1.base.rdb');
  for (const word of ['my file.aof', 'a"b', 'back\\slash', "it's", 'line\nfeed'])
    expect(splitWords(quoteWord(word))).toEqual([word]);
  expect(quoteWord('ü')).toBe(String.raw`"\xc3\xbc"`);
  expect(parseArguments(['/opt/valkey-server', '--save', '3600', '1', '--dir', '/d'])).toEqual({
    configFile: undefined,
    lines: [
      { name: 'save', words: ['3600', '1'] },
      { name: 'dir', words: ['/d'] },
    ],
  });
});

test('F3: an include that is a pattern is read as the server reads it', async () => {
  const folder = await temporaryFolder('redis-conf');
  try {
    for (const [name, text] of [
      ['b.conf', 'appendonly yes\n'],
      ['a.conf', 'appendonly no\n'],
    ] as const)
      await writeFile(join(folder.path, name), text);
    await writeFile(join(folder.path, 'redis.main'), `appendonly no\ninclude ${folder.path}/*.conf\n`);
    const next = await nextStart(source({ configFile: join(folder.path, 'redis.main'), read: readLive }));
    expect(layoutFor(facts, next).appendOnly).toBe(true);
  } finally {
    await folder.remove();
  }
});
