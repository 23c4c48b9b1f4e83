/** What the next start of a server will use: its arguments before its file before the defaults. */
import { glob, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { parseArguments, parseConfig, type Line, type StartArguments } from './config-text.ts';

/** Lower-case names; without a directive the server takes its default. */
export type StartSettings = ReadonlyMap<string, string>;

/** A captured or live file; undefined where there is none or it cannot be read. */
export type ReadConfig = (path: string) => Promise<string | undefined>;

export interface StartSource {
  /** Commands by which the component's own processes are started; empty where something else starts them. */
  readonly commands: readonly (readonly string[])[];
  /** Files that it may be started with, the likeliest first: the one that the server names, the configured one. */
  readonly configFiles: readonly (string | undefined)[];
  readonly read: ReadConfig;
}

/**
 * Undefined where neither the command nor the file is known here: then only what the server ran with is. Where the
 * arguments are not known (`knowsArguments`), it is what the file alone says, and they may say something else.
 */
export async function nextStart({ commands, configFiles, read }: StartSource): Promise<StartSettings | undefined> {
  const files = configFiles.flatMap((path) => (path === undefined || path === '' ? [] : [path]));
  const started = startedBy(commands);
  const lines =
    started === undefined
      ? await firstOf(files, read)
      : await linesOf(started, started.configFile === undefined ? undefined : placeOf(started.configFile, files), read);
  return lines === undefined
    ? undefined
    : new Map(
        lines.flatMap(({ name, words }) => (words.length === 0 ? [] : [[aliases[name] ?? name, words.join(' ')]])),
      );
}

/** False where something else starts the server: its arguments come before the file, and nobody tells them. */
export function knowsArguments(commands: readonly (readonly string[])[]): boolean {
  return startedBy(commands) !== undefined;
}

function startedBy(commands: readonly (readonly string[])[]): StartArguments | undefined {
  return commands.map(parseArguments).find((each) => each !== undefined);
}

async function firstOf(files: readonly string[], read: ReadConfig): Promise<Line[] | undefined> {
  for (const file of files) {
    const lines = isAbsolute(file) ? await readLines(file, read, 0) : undefined;
    if (lines !== undefined) return lines;
  }
  return undefined;
}

async function linesOf(
  { configFile, lines }: StartArguments,
  place: string | undefined,
  read: ReadConfig,
): Promise<Line[] | undefined> {
  const fromFile = configFile === undefined ? [] : place === undefined ? undefined : await readLines(place, read, 0);
  const own = await withIncludes(lines, read, 0);
  return fromFile === undefined || own === undefined ? undefined : [...fromFile, ...own];
}

/** A relative path is one below the folder that the server starts in, which the full path of the file tells. */
function placeOf(configFile: string, files: readonly string[]): string | undefined {
  return isAbsolute(configFile) ? configFile : files.find((file) => file.endsWith(join('/', configFile)));
}

/** Old names that the server still takes: the last line wins, whichever of both it has. */
const aliases: Readonly<Record<string, string>> = { slaveof: 'replicaof' };

const maxIncludes = 8;

async function readLines(path: string, read: ReadConfig, depth: number): Promise<Line[] | undefined> {
  const text = await read(path);
  return text === undefined || depth > maxIncludes ? undefined : withIncludes(parseConfig(text), read, depth);
}

async function withIncludes(from: readonly Line[], read: ReadConfig, depth: number): Promise<Line[] | undefined> {
  const lines: Line[] = [];
  for (const line of from) {
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
