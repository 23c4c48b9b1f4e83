import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { parseArguments, quoteWord, splitWords } from '../../../src/drivers/redis/config-text.ts';
import { knowsArguments, nextStart, readLive, type StartSource } from '../../../src/drivers/redis/next-start.ts';
import { layoutOf, possibleStarts } from '../../../src/drivers/redis/possible-starts.ts';
import { changedSettings, layoutFor } from '../../../src/drivers/redis/start-settings.ts';
import type { RedisFacts } from '../../../src/drivers/redis/facts.ts';

const files: Readonly<Record<string, string>> = {
  '/etc/redis.conf': '# main\nAppendOnly yes\ninclude /etc/more.conf\ndbfilename "last wins.rdb"\n',
  '/etc/closed.conf': 'appendonly no\ninclude /etc/may-not-be-read.conf\n',
  '/etc/more.conf': "dbfilename first.rdb\nappendfilename 'it\\'s.aof'\nmaxmemory 1gb\n",
};
const source = (more: Partial<StartSource>): StartSource => ({
  commands: [],
  configFiles: [],
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
  expect(await layout({ configFiles: ['/etc/redis.conf'] })).toEqual(inFile);
  expect(
    await layout({ commands: [['/usr/bin/redis-server', '/etc/redis.conf']], configFiles: ['/etc/other'] }),
  ).toEqual(inFile);
  const own = ['redis-server', '/etc/redis.conf', '--port', '1', '--appendonly', 'no', '--dbfilename', 'a.rdb'];
  expect(await layout({ commands: [['nice', ...own]] })).toEqual([false, 'a.rdb', 'appendonlydir', "it's.aof"]);
  expect(await layout({ commands: [['redis-server', '--appendonly', 'yes']] })).toEqual([
    true,
    'dump.rdb',
    'appendonlydir',
    'appendonly.aof',
  ]);
  const asItRan = [false, 'ran.rdb', 'ran', 'ran.aof'];
  expect(await layout({ configFiles: ['/etc/gone.conf'] })).toEqual(asItRan);
  expect(await layout({ configFiles: ['/etc/closed.conf'] })).toEqual(asItRan);
  expect(await layout({ commands: [['sh', '-c', 'redis-server']] })).toEqual(asItRan);
});

test('F3: only settings that differ in what they mean are told', async () => {
  const next = await nextStart(source({ configFiles: ['/etc/redis.conf'] }));
  const running = new Map([
    ['appendonly', 'yes'],
    ['dbfilename', 'other.rdb'],
    ['maxmemory', '1073741824'],
    ['databases', '32'],
    ['dir', '/data'],
  ]);
  expect(await changedSettings(running, next)).toEqual([
    { name: 'dbfilename', running: 'other.rdb', next: 'last wins.rdb' },
    { name: 'databases', running: '32', next: '16' },
  ]);
  expect(await changedSettings(running, undefined)).toEqual([]);
});

test('words are read and written as the server does', () => {
  expect(splitWords(String.raw`save "" "a\"b\x41\n" 'it\'s' plain`)).toEqual(['save', '', 'a"bA\n', "it's", 'plain']);
  expect(splitWords('broken "quote')).toBeUndefined();
  expect(quoteWord('appendonly.aof.1.base.rdb')).toBe('appendonly.aof.1.base.rdb');
  for (const word of ['ümlaut.aof', 'my file.aof', 'a"b', 'back\\slash', "it's", 'line\nfeed'])
    expect(splitWords(quoteWord(word))).toEqual([word]);
  expect(quoteWord('ü')).toBe(String.raw`"\xc3\xbc"`);
});

/** Each as the server of 7.0 takes it; undefined where what it takes is not in the command. */
const commands: readonly (readonly [command: readonly string[], said: string | undefined])[] = [
  [['/opt/valkey-server', '--save', '3600', '1', '--dir', '/d'], '(none) save=3600,1 dir=/d'],
  [
    ['redis-server', 'a.conf', '--appendonly yes', '--dbfilename "a b.rdb"'],
    'a.conf appendonly=yes dbfilename=a b.rdb',
  ],
  [['redis-server', '--save', '--AppendOnly', 'yes'], '(none) save= appendonly=yes'],
  [['redis-server', '--save', '', '--requirepass', '--appendonly', 'yes'], '(none) save= requirepass=--appendonly,yes'],
  [['nice', '-n', '5', '/usr/bin/redis-server', '/c', '--appendonly', 'no'], '/c appendonly=no'],
  [['sudo', '-u', 'redis', 'redis-server'], '(none)'],
  [['redis-server', '-'], undefined],
  [['redis-server', '/c', '--port', '1', '-'], undefined],
  [['redis-server', '/c', '--sentinel'], undefined],
  [['sh', '-c', 'exec redis-server /c --appendonly yes'], undefined],
  [['sudo', '/bin/sh', '-c', 'redis-server'], undefined],
  [['podman', 'start', '-a', 'redis-server'], undefined],
  [['systemctl', 'start', 'redis-server'], undefined],
  // Behind a wrapper too, only its own words may stand before the server.
  [['sudo', '-u', 'redis-server', '-E', 'LANG=C', '/usr/bin/redis-server', '--port', '1'], '(none) port=1'],
  [['sudo', '--user=redis', '--', 'nice', '-10', 'ionice', '-c2', '-n', '7', 'redis-server', '/c'], '/c'],
  [['env', '-u', 'X', '-i', 'A=b', 'setpriv', '--reuid', 'redis', '--clear-groups', 'redis-server'], '(none)'],
  [['chrt', '-f', '10', 'taskset', '-c', '0-3', 'nohup', 'stdbuf', '-oL', 'setsid', '-w', 'redis-server'], '(none)'],
  [['runuser', '-u', 'redis', '--', 'redis-server', '/c'], '/c'],
  [['gosu', 'redis', 'tini', '-s', '--', 'redis-server', '/c'], '/c'],
  [['sudo', 'docker', 'start', '-a', 'redis-server'], undefined],
  [['sudo', '-n', 'systemctl', 'start', 'redis-server'], undefined],
  [['sudo', 'docker', 'exec', 'redis-server', '/entry.sh'], undefined],
  [['env', 'DOCKER_HOST=ssh://host', 'docker', 'start', 'redis-server'], undefined],
  [['nice', 'podman', 'run', '--name', 'redis-server', 'redis-server', '--appendonly', 'yes'], undefined],
  [['nice', '/opt/start', 'redis-server'], undefined],
  [['env', '-S', 'redis-server --appendonly yes'], undefined],
  [['sudo', '-i', 'redis-server'], undefined],
  [['runuser', 'redis', '-c', 'redis-server'], undefined],
  [['nsenter', '-t', '1', 'redis-server'], undefined],
  [['sudo'], undefined],
];

test.each(commands)('F3: arguments of %j', (command, said) => {
  const parsed = parseArguments(command);
  const text = parsed && [
    parsed.configFile ?? '(none)',
    ...parsed.lines.map(({ name, words }) => `${name}=${words.join(',')}`),
  ];
  expect(text?.join(' ')).toBe(said);
  expect(knowsArguments([command])).toBe(said !== undefined);
});

test('F3: a file by a relative name is the one that the server names, and arguments have includes too', async () => {
  const command = ['redis-server', './redis.conf', '--include', '/etc/more.conf'];
  const told = { commands: [command], configFiles: ['/etc/redis.conf', '/etc/more.conf'] };
  expect(await layout(told)).toEqual([true, 'first.rdb', 'appendonlydir', "it's.aof"]);
  expect(await layout({ ...told, configFiles: ['/etc/more.conf'] })).toEqual([false, 'ran.rdb', 'ran', 'ran.aof']);
});

test('F3: where nobody tells the arguments, each possible start finds its files; a known one finds its own alone', async () => {
  const laidOut = async (captured: Partial<RedisFacts>, isKnown: boolean) => {
    const next = await nextStart(source({ configFiles: ['/etc/more.conf'] }));
    return layoutOf(possibleStarts({ ...facts, ...captured }, next, isKnown), isKnown);
  };
  const inFile = { folder: 'appendonlydir', name: "it's.aof" };
  expect(await laidOut({ appendOnly: true }, true)).toEqual({ dumps: ['first.rdb'], appends: [] });
  expect(await laidOut({}, false)).toEqual({ dumps: ['first.rdb', 'ran.rdb'], appends: [inFile] });
  expect(await laidOut({ appendOnly: true }, false)).toEqual({
    dumps: ['first.rdb', 'ran.rdb'],
    appends: [inFile, { folder: 'ran', name: 'ran.aof' }],
  });
  const unseen = layoutOf(possibleStarts(facts, undefined, false), false);
  expect(unseen).toEqual({ dumps: ['ran.rdb'], appends: [{ folder: 'ran', name: 'ran.aof' }] });
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
    const next = await nextStart(source({ configFiles: [join(folder.path, 'redis.main')], read: readLive }));
    expect(layoutFor(facts, next).appendOnly).toBe(true);
  } finally {
    await folder.remove();
  }
});
