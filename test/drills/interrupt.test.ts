/**
 * Ctrl-C on the commands of README.md, at moments that a seed decides: exit code 130, and nothing of them is alive 10 s later. The
 * processes are looked for by three marks, of which each engine keeps at least one; set-up itself uses others.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stateFolder } from '../../src/dev/folders.ts';
import { poll } from '../../src/dev/poll.ts';
import { seededRandom } from '../../src/dev/appliance/random.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const seed = Number(process.env['LIFEBOAT_SEED'] ?? randomInt(2 ** 31));
const random = seededRandom(seed);
/** What a person waits for at most. */
const endMs = 10_000;

let folder: TemporaryFolder;
let cache: string;
beforeAll(async () => {
  folder = await temporaryFolder('interrupt');
  // Set-up locks and logs in its cache, which the tests' user may only read.
  cache = join(folder.path, 'cache');
  await mkdir(cache);
  const filled = process.env['LIFEBOAT_CACHE'] ?? '';
  for (const entry of await readdir(filled, { withFileTypes: true }))
    if (entry.isDirectory()) await symlink(join(filled, entry.name), join(cache, entry.name));
});
afterAll(async () => folder.remove());

interface Started {
  readonly child: ChildProcess;
  readonly mark: string;
  readonly state: string;
  readonly said: () => string;
}

/** As npm starts it from a terminal: in a process group, of which all get the signal. */
async function start(args: readonly string[]): Promise<Started> {
  const mark = `interrupted-${randomInt(2 ** 47)}`;
  const state = join(folder.path, mark.slice(-8));
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
  return { child, mark, state, said: () => said };
}

async function reached({ child, said }: Started, moment: RegExp): Promise<void> {
  await poll(async () => (moment.test(said()) || child.exitCode !== null ? true : undefined), {
    timeoutMs: 200_000,
    describe: () => new Error(`${moment} was not reached: ${said().slice(-3000)}`),
  });
  expect(child.exitCode, `it ended before ${moment}: ${said().slice(-3000)}`).toBeNull();
  await delay(random.next() * 2500);
}

async function interrupt(started: Started): Promise<void> {
  const { child, said } = started;
  const marks = await marksOf(started);
  // A shell shows 130 for both: an exit code of npm's, and npm's own death by the signal.
  const ended = once(child, 'close').then(([code, signal]) => (signal === 'SIGINT' ? 130 : (code as number)));
  const began = performance.now();
  process.kill(-(child.pid ?? 0), 'SIGINT');
  const code = await ended;
  expect({ code, alive: await alive(marks) }, `seed ${seed}: ${said().slice(-2000)}`).toEqual({ code: 130, alive: [] });
  // What does not go by itself is killed after 6 s, by timers that busy cores hardly delay.
  expect(performance.now() - began).toBeLessThan(endMs);
}

/** The environment's mark, the state folder, and the run's folder of temporary files. */
async function marksOf({ mark, state }: Started): Promise<string[]> {
  const folders = await Promise.all(
    (await readdir('/tmp'))
      .filter((name) => name.startsWith('lb-'))
      .map(async (name) => {
        const owner = await readFile(join('/tmp', name, 'owner.json'), 'utf8').catch(() => '{}');
        const { pid = 0 } = JSON.parse(owner) as { pid?: number };
        const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
        return environment.includes(mark) ? [join('/tmp', name)] : [];
      }),
  );
  return [mark, state, ...folders.flat()];
}

async function alive(marks: readonly string[]): Promise<string[]> {
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

const inTheStory = random.pick([/== SEED/, /== BACKUP/, /== DISASTER/, /== RESTORE/, /== PROOF/]);

test.each<[string, readonly string[], RegExp]>([
  ['somewhere in the story', ['demo'], inTheStory],
  ['while it seeds what it measures', ['bench', '--', '--size', 'small', '--runs', '1'], /a small appliance in/],
  ['when everything stays up', ['demo', '--', '--keep'], / {3}command line {2}/],
  [
    'while tests run on engines',
    ['test', '--', '--project', 'engines', 'drivers/postgres/restore', 'workflows/restore'],
    / RUN /,
  ],
])('Ctrl-C on a command %s ends it and all that it started: npm run %j', async (_when, args, moment) => {
  const started = await start(args);
  await reached(started, moment);
  await interrupt(started);
});

test('what a killed run left is ended by the next one, which says so', async () => {
  const first = await start(['demo']);
  await reached(first, /== SEED/);
  const marks = await marksOf(first);
  const owner = JSON.parse(await readFile(join(marks.at(-1) ?? '', 'owner.json'), 'utf8')) as { pid: number };
  const ended = once(first.child, 'exit');
  process.kill(owner.pid, 'SIGKILL');
  await ended;
  expect((await alive(marks)).length).toBeGreaterThan(3);
  const second = await start(['demo', '--', '--help']);
  await once(second.child, 'close');
  expect(second.said()).toMatch(/an earlier run was killed and left \d+ processes, which are ended now: /);
  expect(await alive(marks)).toEqual([]);
});
