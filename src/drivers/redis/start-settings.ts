/**
 * What the next start of the server will use: its arguments before its file before the defaults. A running server tells
 * what it was started with, which a changed file or CONFIG SET makes something else.
 */
import { glob, readFile, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import type { RedisConfig } from '../../domain/appliance.ts';
import { parseArguments, parseConfig, type Line } from './config-text.ts';
import type { RedisFacts } from './facts.ts';

/** Lower-case names; without a directive the server takes its default. */
export type StartSettings = ReadonlyMap<string, string>;

/** A captured or live file; undefined where there is none or it cannot be read. */
export type ReadConfig = (path: string) => Promise<string | undefined>;

export interface StartSource {
  /** Commands by which the component's own processes are started; empty where something else starts them. */
  readonly commands: readonly (readonly string[])[];
  /** The file that the server says it was started with; empty where it has none. */
  readonly configFile: string | undefined;
  readonly read: ReadConfig;
}

/** Settings that decide whether a restored server finds its data, or keeps it. */
export const comparedSettings = [
  'appendonly',
  'dbfilename',
  'appenddirname',
  'appendfilename',
  'dir',
  'databases',
  'maxmemory',
  'maxmemory-policy',
] as const;

const defaults: Readonly<Record<string, string>> = {
  appendonly: 'no',
  dbfilename: 'dump.rdb',
  appenddirname: 'appendonlydir',
  appendfilename: 'appendonly.aof',
  databases: '16',
  maxmemory: '0',
  'maxmemory-policy': 'noeviction',
};

/** What is set, else the server's own default. */
export function settingOf(next: StartSettings | undefined, name: string): string | undefined {
  return next?.get(name) ?? defaults[name];
}

/** `host:port` of the primary that the server will copy from at its next start, in the place of what it finds in its folder. */
export function primaryAtStart(next: StartSettings | undefined): string | undefined {
  const words = next?.get('replicaof')?.split(/\s+/) ?? [];
  const isNone = words.join(' ').toLowerCase() === 'no one';
  return words.length !== 2 || isNone ? undefined : words.join(':');
}

export function isClusterAtStart(next: StartSettings | undefined): boolean {
  return next?.get('cluster-enabled')?.toLowerCase() === 'yes';
}

/** Undefined where neither the command nor the file is known here: then only what the server ran with is. */
export async function nextStart({ commands, configFile, read }: StartSource): Promise<StartSettings | undefined> {
  const started = commands.map(parseArguments).find((each) => each !== undefined);
  const file = started === undefined ? configFile : started.configFile;
  const lines: Line[] = [];
  if (file !== undefined && file !== '') {
    const fromFile = isAbsolute(file) ? await readLines(file, read, 0) : undefined;
    if (fromFile === undefined) return undefined;
    lines.push(...fromFile);
  } else if (started === undefined) return undefined;
  lines.push(...(started?.lines ?? []));
  return new Map(
    lines.flatMap(({ name, words }) => (words.length === 0 ? [] : [[aliases[name] ?? name, words.join(' ')]])),
  );
}

/** Old names that the server still takes: the last line wins, whichever of both it has. */
const aliases: Readonly<Record<string, string>> = { slaveof: 'replicaof' };

const mostIncludes = 8;

async function readLines(path: string, read: ReadConfig, depth: number): Promise<Line[] | undefined> {
  const text = await read(path);
  if (text === undefined || depth > mostIncludes) return undefined;
  const lines: Line[] = [];
  for (const line of parseConfig(text)) {
    if (line.name !== 'include') {
      lines.push(line);
      continue;
    }
    for (const included of await includedBy(line.words[0] ?? '')) {
      const more = await readLines(included, read, depth + 1);
      // One that cannot be read here may say anything: then the next start is not known.
      if (more === undefined) return undefined;
      lines.push(...more);
    }
  }
  return lines;
}

/** A pattern stands for what it matches, in order; a relative path is one below the folder that the server starts in. */
async function includedBy(path: string): Promise<string[]> {
  if (!/[*?[]/.test(path)) return [path];
  const matched: string[] = [];
  for await (const each of glob(path)) matched.push(each);
  return matched.toSorted();
}

export function readLive(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

/** The facts with the layout that the next start will look for. */
export function layoutFor(facts: RedisFacts, next: StartSettings | undefined): RedisFacts {
  if (next === undefined) return facts;
  const of = (name: string): string => settingOf(next, name) ?? '';
  return {
    ...facts,
    appendOnly: of('appendonly').toLowerCase() === 'yes',
    dumpName: of('dbfilename'),
    appendFolder: of('appenddirname'),
    appendName: of('appendfilename'),
  };
}

/** Where the next start looks for its data, if not in the configured folder; undefined where that is not known or the same. */
export async function otherFolder(next: StartSettings | undefined, config: RedisConfig): Promise<string | undefined> {
  const folder = next?.get('dir');
  if (folder === undefined || !isAbsolute(folder)) return undefined;
  const [theirs, ours] = await Promise.all([realOf(folder), realOf(config.dataDirectory)]);
  return theirs === ours ? undefined : folder;
}

/** The parent decides where the folder itself is gone. */
async function realOf(path: string): Promise<string> {
  return realpath(path).catch(async () =>
    join(await realpath(dirname(path)).catch(() => dirname(path)), path.slice(dirname(path).length)),
  );
}

/** Names of settings with another value at the next start. `running` has what the server tells of itself. */
export function changedSettings(running: ReadonlyMap<string, string>, next: StartSettings | undefined): string[] {
  if (next === undefined) return [];
  return comparedSettings.filter((name) => {
    const now = running.get(name);
    const then = settingOf(next, name);
    // A folder that is not set is where the server is started.
    return now !== undefined && then !== undefined && normal(name, now) !== normal(name, then);
  });
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1e6,
  mb: 1024 ** 2,
  g: 1e9,
  gb: 1024 ** 3,
};

function normal(name: string, value: string): string {
  if (name === 'dir') return value.replace(/\/+$/, '');
  if (name !== 'maxmemory') return ['appendonly', 'maxmemory-policy'].includes(name) ? value.toLowerCase() : value;
  const [, number = '', unit = ''] = /^(\d+)([a-z]*)$/i.exec(value) ?? [];
  return String(Number(number) * (units[unit.toLowerCase()] ?? Number.NaN));
}
