/**
 * A command of README.md as a person runs it, through npm and set-up in a process group of its own, with Ctrl-C and a look at
 * what it leaves. Its processes are looked for by three marks, of which each engine keeps at least one.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { stateFolder } from '../../src/dev/folders.ts';
import { poll } from '../../src/dev/poll.ts';
import { seededRandom } from '../../src/dev/appliance/random.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const seed = Number(process.env['LIFEBOAT_SEED'] ?? randomInt(2 ** 31));
export const random = seededRandom(seed);
/** What a person waits for at most. */
const endMs = 10_000;

/** Where such commands keep their state and read what set-up has fetched; `remove` when they have ended. */
export interface CommandPlace extends TemporaryFolder {
  readonly cache: string;
}

export async function commandPlace(): Promise<CommandPlace> {
  const folder = await temporaryFolder('interrupt');
  // Set-up locks and logs in its cache, which the tests' user may only read.
  const cache = join(folder.path, 'cache');
  await mkdir(cache);
  const filled = process.env['LIFEBOAT_CACHE'] ?? '';
  for (const entry of await readdir(filled, { withFileTypes: true }))
    // `runs` holds the notes of the run that this is a test of.
    if (entry.isDirectory() && entry.name !== 'runs') await symlink(join(filled, entry.name), join(cache, entry.name));
  return { ...folder, cache };
}

export interface StartedCommand {
  readonly cache: string;
  readonly child: ChildProcess;
  readonly mark: string;
  readonly state: string;
  readonly said: () => string;
}

/** As npm starts it from a terminal: in a process group, of which all get the signal. */
export async function startCommand({ path, cache }: CommandPlace, args: readonly string[]): Promise<StartedCommand> {
  const mark = `interrupted-${randomInt(2 ** 47)}`;
  const state = join(path, mark.slice(-8));
  await mkdir(state, { mode: 0o700 });
  // What the demo embeds is the same each time, and takes half of its time.
  await symlink(join(stateFolder(), 'embeddings'), join(state, 'embeddings'));
  const child = spawn('npm', ['run', ...args], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LIFEBOAT_MARK: mark, LIFEBOAT_STATE: state, LIFEBOAT_CACHE: cache, NO_COLOR: '1' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { child, cache, mark, state, said: () => said };
}

/** Waits until it has said so, and a random while longer. */
export async function reached({ child, said }: StartedCommand, moment: RegExp): Promise<void> {
  await poll(async () => (moment.test(said()) || child.exitCode !== null ? true : undefined), {
    timeoutMs: 200_000,
    describe: () => new Error(`${moment} was not reached: ${said().slice(-3000)}`),
  });
  expect(child.exitCode, `it ended before ${moment}: ${said().slice(-3000)}`).toBeNull();
  await delay(random.next() * 2500);
}

/** Ctrl-C; asserts that the command ends with 130 in time, and that nothing of it is alive. */
export async function interrupt(started: StartedCommand): Promise<void> {
  const { child, said } = started;
  const marks = await marksOf(started);
  // A shell shows 130 for both: an exit code of npm's, and npm's own death by the signal.
  const ended = once(child, 'close').then(([code, signal]) => (signal === 'SIGINT' ? 130 : (code as number)));
  const began = performance.now();
  process.kill(-(child.pid ?? 0), 'SIGINT');
  // Many press it twice.
  if (random.next() < 0.5) {
    await delay(random.next() * 1000);
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), 'SIGINT');
  }
  const code = await ended;
  expect({ code, alive: await alive(marks) }, `seed ${seed}: ${said().slice(-2000)}`).toEqual({ code: 130, alive: [] });
  // What does not go by itself is killed after 6 s, by timers that busy cores hardly delay.
  expect(performance.now() - began).toBeLessThan(endMs);
}

/** Of the run that set-up noted. */
export async function runOf({
  cache,
  mark,
}: StartedCommand): Promise<{ readonly pid: number; readonly folders: string[] }> {
  const notes = join(cache, 'runs');
  for (const name of await readdir(notes)) {
    const { pid, folder, memory } = JSON.parse(await readFile(join(notes, name), 'utf8')) as {
      readonly pid: number;
      readonly folder: string;
      readonly memory?: string;
    };
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    if (environment.includes(mark)) return { pid, folders: [folder, ...(memory === undefined ? [] : [memory])] };
  }
  throw new Error(`no run is noted in ${notes}`);
}

/** The environment's mark, the state folder, and the run's folders of temporary files. */
export async function marksOf(started: StartedCommand): Promise<string[]> {
  return [started.mark, started.state, ...(await runOf(started)).folders];
}

export async function alive(marks: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map(async (pid) => {
        const read = async (name: string): Promise<string> =>
          readFile(`/proc/${pid}/${name}`, 'latin1').catch(() => '');
        const command = (await read('cmdline')).replaceAll('\0', ' ');
        const about = `${command} ${await read('environ')} ${await readlink(`/proc/${pid}/cwd`).catch(() => '')}`;
        return marks.some((mark) => about.includes(mark)) ? [`${pid} ${command}`] : [];
      }),
  );
  return found.flat();
}
