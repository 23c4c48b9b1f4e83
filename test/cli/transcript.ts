/**
 * Runs the real command line and writes down what it said, with all that differs from run to run replaced. Each command has a
 * process of its own the first time that a test file runs it, so that one which cannot end is found, and whenever it is
 * interrupted; after that it runs in the process of the tests.
 */
import { spawn } from 'node:child_process';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stateFolder } from '../../src/dev/folders.ts';
import { program, runInProcess } from './in-process.ts';

const columns = 80;
/** Of compiled code: half of a short command's time is the compiler's. */
const compiled = join(stateFolder(), 'compiled');

export interface Ended {
  /** 130 also where the signal itself ended the process. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Invocation {
  /** Where it runs: lifeboat.yaml is looked for here. */
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ctrl-C as soon as stderr shows this. */
  readonly interruptAt?: RegExp;
  /** As while another command is interrupted: then this one goes on beside it. */
  readonly ownProcess?: boolean;
}

/** Everything that a command must keep, whatever it says, is asserted here. */
export async function run(args: readonly string[], invocation: Invocation): Promise<Ended> {
  const ended = needsProcess(args, invocation)
    ? await spawned(args, invocation)
    : await runInProcess(args, invocation.cwd, environment(invocation));
  const said = `${ended.stdout}\n${ended.stderr}`;
  // oxlint-disable-next-line no-control-regex -- an escape code is what must not be there.
  expect(said, 'no escape code without a terminal').not.toMatch(/\u001b/);
  expect(said, 'no stack trace').not.toMatch(/^\s+at .+:\d+/m);
  // JSON is for programs.
  if (!args.includes('json')) expect(said.split('\n').filter(isTooWide), `at most ${columns} columns`).toEqual([]);
  return ended;
}

/** The invocation as a reader would see it: stdout as it is, stderr behind `!`, the exit code last. */
export async function transcript(args: readonly string[], invocation: Invocation): Promise<string> {
  const { code, stdout, stderr } = await run(args, invocation);
  const lines = (text: string): string[] => (text === '' ? [] : settled(text, invocation.cwd).split('\n'));
  return [
    `$ ${['lifeboat', ...args.map((word) => settled(word, invocation.cwd))].join(' ')}`,
    ...lines(stdout),
    ...lines(stderr).map((line) => `! ${line}`.trimEnd()),
    `exit ${code}`,
  ].join('\n');
}

/** Of the caller's environment as little as a command needs, so that nothing depends on the rest. */
export function environment({ env = {} }: Invocation): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR = '/tmp', LIFEBOAT_RUN = '', LIFEBOAT_BUNDLES = '' } = process.env;
  const own = { TZ: 'Pacific/Auckland', COLUMNS: String(columns), NODE_COMPILE_CACHE: compiled };
  // Far from UTC, so that a local time would be seen.
  return { PATH, HOME, TMPDIR, LIFEBOAT_RUN, LIFEBOAT_BUNDLES, ...own, ...env };
}

/** Nouns whose next word is the command. */
const nouns = ['backups', 'config', 'postgres', 'restore', 'retention', 'schedules', 'service'];
const seen = new Set<string>();

function needsProcess(args: readonly string[], { interruptAt, ownProcess = false }: Invocation): boolean {
  // A worker becomes another process, `--standalone` starts some that outlive it.
  if (interruptAt !== undefined || ownProcess || args.includes('worker') || args.includes('--standalone')) return true;
  const words = args.filter(
    (word, index) => !word.startsWith('-') && !/^(-[co]|--temporal)$/.test(args[index - 1] ?? ''),
  );
  const command = words.slice(0, nouns.includes(words[0] ?? '') ? 2 : 1).join(' ');
  const inThisFile = `${expect.getState().testPath} ${command}`;
  if (seen.has(inThisFile)) return false;
  seen.add(inThisFile);
  return true;
}

async function spawned(args: readonly string[], invocation: Invocation): Promise<Ended> {
  const { cwd, interruptAt } = invocation;
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: environment(invocation),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let waits = interruptAt;
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    if (waits?.test(stderr) !== true) return;
    waits = undefined;
    child.kill('SIGINT');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGINT' ? 130 : -1), stdout, stderr }));
  });
}

/** What is to be copied is never broken: a line may be wider where one word (a path, a link, a command) is the reason. */
function isTooWide(line: string): boolean {
  if (line.length <= columns || line.startsWith('  lifeboat ')) return false;
  const longest = Math.max(...(line.match(/`[^`]*`|\S+/g) ?? []).map((word) => word.length));
  return line.length - longest > 20;
}

const replaced: readonly (readonly [RegExp, string])[] = [
  [/\b127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'],
  [/\bt-[0-9a-z]{5}\b(?=[/,]|$)/gm, 'default'],
  [/\b[0-9a-f]{64}\b/g, '<sha-256>'],
  [/\b[0-9a-f]{32}\b/g, '<repository id>'],
  [/\b(?:[0-9a-f]{4}-){4}[0-9a-f]{4}\b/g, 'xxxx-xxxx-xxxx-xxxx-xxxx'],
  [/aside-[0-9a-f]+/g, 'aside-XXXX'],
  [/\d{8}_\d{6}/g, 'YYYYMMDD_HHMMSS'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?/g, 'YYYY-MM-DDTHH:MM:SS'],
  [/\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\d(\.\d{3})?/g, 'YYYY-MM-DDTHH%3AMM%3ASS'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d/g, 'YYYY-MM-DDTHH:MM'],
  [/\b\d\d:\d\d:\d\d/g, 'HH:MM:SS'],
  [/\b\d\d:\d\dZ/g, 'HH:MMZ'],
  // Whether the first WAL is archived by now depends on the moment.
  [/ \+ WAL\b/g, ''],
  [/\b(\d+ [dhm]( \d\d? [hms])?|\d+(\.\d)? s)\b/g, '<time>'],
  [/\b\d[\d.]* [kMGT]?B\b/g, '<size>'],
  [/\/\S+\/(postgres|redis-server|bin)\b(?=[, ]|$)/gm, '<path>/$1'],
  [/(?<![\d.])\d+\.\d+\.\d+\b(?!\.)/g, '<version>'],
  [/\buser \d+/g, 'user UID'],
];

/** A run's course depends on when it was looked at, and whether a busy worker answered in time: its lines stand for each other. */
const course = /^(?:(?:fullBackup|restore) (?!.*goes on).*| {2}\[.\] .*| {40}.*| {2}waits: no worker answers.*)$/;

function settled(text: string, folder: string): string {
  let result = text
    .trimEnd()
    .replaceAll(folder, '/folder')
    .replaceAll(`${userInfo().username}@${hostname()}`, 'me@here');
  for (const [pattern, replacement] of replaced) result = result.replaceAll(pattern, replacement);
  return result
    .split('\n')
    .map((line) => (course.test(line) ? '  [course]' : line.replaceAll(/(?<=\S) {2,}/g, '  ').trimEnd()))
    .filter((line, index, all) => line !== '  [course]' || all[index - 1] !== line)
    .join('\n');
}
