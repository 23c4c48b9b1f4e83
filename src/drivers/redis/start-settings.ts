/**
 * Settings of a server's next start, and how they differ from those with which it runs: a changed file, CONFIG SET and
 * arguments of the command make them something else.
 */
import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { RedisConfig } from '../../domain/appliance.ts';
import type { RedisFacts } from './facts.ts';
import type { StartSettings } from './next-start.ts';

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
async function realOf(folder: string): Promise<string> {
  const path = resolve(folder);
  return realpath(path).catch(async () =>
    join(await realpath(dirname(path)).catch(() => dirname(path)), basename(path)),
  );
}

export interface ChangedSetting {
  readonly name: string;
  readonly running: string;
  readonly next: string;
}

/** Settings with another value at the next start. `running` has what the server tells of itself. */
export async function changedSettings(
  running: ReadonlyMap<string, string>,
  next: StartSettings | undefined,
): Promise<ChangedSetting[]> {
  if (next === undefined) return [];
  const changed: ChangedSetting[] = [];
  for (const name of comparedSettings) {
    const now = running.get(name);
    const then = settingOf(next, name);
    if (now === undefined || then === undefined) continue;
    if (!(await isSame(name, now, then))) changed.push({ name, running: now, next: then });
  }
  return changed;
}

async function isSame(name: string, now: string, then: string): Promise<boolean> {
  if (name !== 'dir') return normal(name, now) === normal(name, then);
  // A folder that is relative, or not set, is where the server is started.
  return !isAbsolute(then) || (await realOf(now)) === (await realOf(then));
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
  if (name !== 'maxmemory') return ['appendonly', 'maxmemory-policy'].includes(name) ? value.toLowerCase() : value;
  const [, number = '', unit = ''] = /^(\d+)([a-z]*)$/i.exec(value) ?? [];
  return String(Number(number) * (units[unit.toLowerCase()] ?? Number.NaN));
}
