/**
 * Each command with the Temporal server, or the worker, gone at moments that a seed decides: the exit code is the outcome's, no
 * stack trace is shown, and it ends. LIFEBOAT_ENDS is the number of rounds, one by default; LIFEBOAT_SEED begins them.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exit } from '../../src/cli/exit.ts';
import { createProgram } from '../../src/cli/program.ts';
import { openRuns, resultOf } from '../../src/client/runs.ts';
import { seededRandom, type Random } from '../../src/dev/appliance/random.ts';
import { findTemporal } from '../../src/dev/engines.ts';
import type { WorkerProcess } from '../../src/dev/demo/worker-process.ts';
import { poll } from '../../src/dev/poll.ts';
import type { BackupResult } from '../../workflows/messages.ts';
import { program, runInProcess } from '../cli/in-process.ts';
import { startLeanStage, type LeanStage } from '../support/lean-stage.ts';
import { startRelay, type Relay } from '../support/relay.ts';

const rounds = Number(process.env['LIFEBOAT_ENDS'] ?? 1);
const firstSeed = Number(process.env['LIFEBOAT_SEED'] ?? randomInt(2 ** 31));
const seeds = Array.from({ length: rounds }, (_, index) => firstSeed + index);

let stage: LeanStage;
/** For a worker that a test starts and ends itself. */
let alone: LeanStage;
let worker: WorkerProcess;
let point = '';
const firstRun = 'fullBackup/lean/first';
beforeAll(async () => {
  [stage, alone] = await Promise.all([startLeanStage(1e5), startLeanStage(1e3)]);
  await mkdir(join(stage.folder, 'tree'));
  worker = await stage.startWorker();
  const { client, appliance } = stage;
  const { taskQueue } = appliance.temporal;
  const run = await client.workflow.start('fullBackup', { workflowId: firstRun, taskQueue, args: [{}] });
  point = (await resultOf<BackupResult>(run)).id;
});
afterAll(async () => Promise.all([stage?.stop(), alone?.stop()]));

interface Known {
  /** `restore start` */
  readonly name: string;
  readonly words: readonly string[];
}

/** Every command that the program has, but for the worker, which ends when it is told to. */
function commands(): Known[] {
  return leaves(createProgram(), []).filter(({ name }) => name !== 'worker');
}

function leaves(command: Command, path: readonly string[]): Known[] {
  if (command.commands.length === 0) return [{ name: path.join(' '), words: [...path, ...given(command)] }];
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
}

/** What a command cannot do without, and what it would ask for. */
function given(command: Command): string[] {
  const values: Readonly<Record<string, string>> = {
    id: point,
    run: firstRun,
    component: 'data',
    reason: 'a drill',
    confirm: 'lean',
    // One run of the daily schedule was due since then.
    after: new Date(Date.now() - 86_400_000).toISOString(),
    root: join(stage.folder, 'tree'),
  };
  const words = command.registeredArguments.map((each) => each.argChoices?.[0] ?? values[each.name()] ?? '');
  const options = command.options.flatMap(({ long, mandatory }) => {
    const name = long?.slice(2) ?? '';
    return mandatory || name === 'confirm' || name === 'root' ? [`--${name}`, values[name] ?? ''] : [];
  });
  return [...words, ...options].filter((word) => word !== '');
}

interface Started {
  readonly said: () => string;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly ended: Promise<Ended>;
}

interface Ended {
  readonly code: number;
  readonly said: string;
}

let configurations = 0;

async function configFor(
  { address }: Pick<Relay, 'address'>,
  { folder, configFile, temporal }: LeanStage,
): Promise<string> {
  const config = join(folder, `relayed-${(configurations += 1)}.yaml`);
  await writeFile(config, (await readFile(configFile, 'utf8')).replace(temporal.address, address));
  return config;
}

async function start(
  relay: Pick<Relay, 'address'>,
  words: readonly string[],
  from: LeanStage = stage,
): Promise<Started> {
  const { folder } = from;
  const config = await configFor(relay, from);
  const args = [program, '--config', config, ...words];
  const env = { ...process.env, LIFEBOAT_TEMPORAL: findTemporal() };
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<Ended>((resolve) => {
    // As the shell counts: the signal itself ends a command that has started nothing yet.
    child.once('close', (code, by) => resolve({ code: code ?? codeOf(by), said }));
  });
  return { said: () => said, signal: (name) => child.kill(name), ended };
}

const codeOf = (by: NodeJS.Signals | null): number =>
  by === 'SIGINT' ? exit.interrupted : by === 'SIGTERM' ? exit.terminated : -1;

/** A command and what it comes to with nothing gone. */
interface Usual extends Known {
  readonly code: number;
  /** Pieces in which the server's answers came. */
  readonly answers: number;
  /** One beside it would hinder it. */
  readonly startsRun: boolean;
  /** Of the run that it watches. */
  readonly type: string | undefined;
}

async function undisturbed(command: Known): Promise<Usual> {
  const relay = await startRelay(stage.temporal.address);
  const before = await runIds();
  const config = await configFor(relay, stage);
  const env = { ...process.env, LIFEBOAT_TEMPORAL: findTemporal() } as Readonly<Record<string, string>>;
  // What a process does when it ends is for the others.
  const { code, stdout, stderr } = await runInProcess(['--config', config, ...command.words], stage.folder, env);
  const said = `${stdout}${stderr}`;
  await relay.stop();
  expect(said, command.name).not.toMatch(stackLine);
  await allEnded();
  const startsRun = (await runIds()).length > before.length;
  return { ...command, code, answers: relay.answered(), startsRun, type: watched.exec(said)?.[1] };
}

/** The line with the id, which comes before anything is waited for. */
const watched = /^(\w+)\/lean\/\S+Z$/m;
const stackLine = /^\s+at .*:\d+:\d+/m;

/** Of runs that commands start or trigger. */
async function runIds({ client }: LeanStage = stage): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId, type } of client.workflow.list())
    if (!['configWatch', 'lock', 'notification', 'replicate'].includes(type)) ids.push(workflowId);
  return ids;
}

async function allEnded({ client, appliance }: LeanStage = stage): Promise<void> {
  // Of several tests at once vitest's own does not know which one polls.
  await poll(async () => ((await openRuns(client, appliance)).length === 0 ? true : undefined), {
    timeoutMs: 120_000,
    describe: () => new Error('runs are still open'),
  });
}

/** Those that reach the server. */
const usual: Usual[] = [];

test('nothing goes', async () => {
  await inTurn(commands(), async (command) => {
    const known = await undisturbed(command);
    if (known.answers > 0) usual.push(known);
  });
  expect(usual.filter(({ type }) => type !== undefined).map(({ name }) => name)).toContain('backups run');
});

/** A page that tells of the moment. */
const outcomesOf = ({ name, code }: Usual): number[] => (name === 'now' ? [exit.ok, exit.degraded] : [code]);

describe.each(seeds)('seed %d', (seed) => {
  const random = seededRandom(seed);

  interface Loss {
    readonly command: Usual;
    /** The server comes back, after a moment. */
    readonly back: boolean;
    readonly random: Random;
    readonly place?: LeanStage;
  }

  async function serverGoes({ command, back, random: chance, place = stage }: Loss): Promise<void> {
    const at = 1 + chance.below(command.answers);
    const backAfter = chance.below(4000);
    const before = await runIds(place);
    const relay = await startRelay(place.temporal.address);
    const { said: saidSoFar, ended } = await start(relay, command.words, place);
    let told = '';
    relay.onAnswer = (number) => {
      if (number !== at) return;
      told = saidSoFar();
      relay.cut();
      if (back) setTimeout(() => void relay.repair(), backAfter);
    };
    const { code, said } = await ended;
    await relay.stop();
    const about = `${command.name}, cut at answer ${at} of ${command.answers}, ${back ? `back after ${backAfter} ms` : 'for good'}:\n${said}`;
    expect(said, about).not.toMatch(stackLine);
    const outcomes = outcomesOf(command);
    // Who watches a run waits for a server that comes back.
    if (back && watched.test(told)) expect(outcomes, about).toContain(code);
    else expect([...outcomes, exit.unreachable], about).toContain(code);
    if (code === exit.unreachable) expect(said, about).toMatch(/^error: .*Temporal[^]*^ {2}hint: start /m);
    if (!command.startsRun) return;
    await allEnded(place);
    const came = (await runIds(place)).filter((id) => !before.includes(id) && id.startsWith(`${command.type}/lean/`));
    for (const id of came) expect(said, `the run that was started is named: ${about}`).toContain(id);
  }

  /** Each has a limit of its own, and chances that do not depend on the others. */
  describe.concurrent('the server goes', () => {
    test('from commands that start a run, and comes back', async () => {
      const chance = seededRandom(seed + 1);
      const runs = usual.filter(({ startsRun }) => startsRun);
      await inTurn(runs, async (command) => serverGoes({ command, back: true, random: chance }));
    });

    test('from the other commands, and comes back or not', async () => {
      const chance = seededRandom(seed + 2);
      const others = usual
        .filter(({ startsRun }) => !startsRun)
        .map((command, index) => ({ command, back: chance.next() < 0.7, random: seededRandom(seed + index) }));
      // Most of the time they wait for the server.
      await Promise.all(
        [0, 1, 2].map(async (lane) =>
          inTurn(
            others.filter((_, i) => i % 3 === lane),
            serverGoes,
          ),
        ),
      );
    });

    test('from a command that starts a run, for good', async () => {
      const own = await alone.startWorker();
      // Elsewhere there is no recovery point that it could need.
      const runs = usual.filter(({ name }) => /^(backups|retention) run$/.test(name));
      const chance = seededRandom(seed + 3);
      await serverGoes({ command: chance.pick(runs), back: false, random: chance, place: alone });
      await own.stop();
    });
  });

  test('Ctrl-C or SIGTERM between any two answers: a run that was started is named', async () => {
    const chance = seededRandom(seed + 4);
    await inTurn(
      usual.filter(({ startsRun }) => startsRun),
      async (command) => {
        // Before its id is told nobody knows yet whether there is a run.
        const at = 1 + chance.below(Math.min(command.answers, 12));
        const before = await runIds();
        const relay = await startRelay(stage.temporal.address);
        const { signal, ended } = await start(relay, command.words);
        const by = chance.pick(['SIGINT', 'SIGTERM'] as const);
        relay.onAnswer = (number) => void (number === at && signal(by));
        const { code, said } = await ended;
        await relay.stop();
        const about = `${command.name}, ${by} at answer ${at}:\n${said}`;
        expect(said, about).not.toMatch(stackLine);
        expect([...outcomesOf(command), codeOf(by)], about).toContain(code);
        await allEnded();
        const came = (await runIds()).filter((id) => !before.includes(id) && id.startsWith(`${command.type}/lean/`));
        for (const id of came) expect(said, `the run that was started is named: ${about}`).toContain(id);
      },
    );
  });

  /** `worker` gone in the middle of its run, and another one there at once, as a supervisor does it. */
  async function workerGoes(command: Usual): Promise<void> {
    const after = random.below(1500);
    const relay = await startRelay(stage.temporal.address);
    const { said: saidSoFar, ended } = await start(relay, command.words);
    await expect.poll(() => watched.test(saidSoFar()), { interval: 10 }).toBe(true);
    await delay(after);
    await worker.kill();
    worker = await stage.startWorker();
    const { code, said } = await ended;
    await relay.stop();
    const about = `${command.name}, worker killed ${after} ms after its id was told:\n${said}`;
    expect(said, about).not.toMatch(stackLine);
    expect(outcomesOf(command), about).toContain(code);
    await allEnded();
  }

  test('the worker goes', async () => {
    const runs = usual.filter(({ type }) => type !== undefined);
    await inTurn(rounds > 1 ? runs : [random.pick(runs)], workerGoes);
  });

  /** `lifeboat worker`, told to end once it is ready, when the server is gone. The answers until then. */
  async function workerLives(at: number, back: boolean): Promise<number> {
    const relay = await startRelay(alone.temporal.address);
    const backAfter = random.below(4000);
    relay.onAnswer = (number) => {
      if (number !== at) return;
      relay.cut();
      if (back) setTimeout(() => void relay.repair(), backAfter);
    };
    const { said: saidSoFar, signal, ended } = await start(relay, ['worker'], alone);
    const isReady = (): boolean => saidSoFar().includes(' runs; stop it');
    let isOver = false;
    void ended.then(() => (isOver = true));
    await expect.poll(() => isOver || isReady(), { interval: 50 }).toBe(true);
    const answers = relay.answered();
    await relay.stop();
    signal('SIGTERM');
    const { code, said } = await ended;
    const about = `worker, cut at answer ${at}, ${back ? `back after ${backAfter} ms` : 'for good'}:\n${said}`;
    expect(said, about).not.toMatch(stackLine);
    expect(code, about).toBe(isReady() ? exit.ok : exit.unreachable);
    return answers;
  }

  test('the server goes while a worker starts, and while it works', async () => {
    const answers = await workerLives(Infinity, false);
    for (const back of [true, false]) await workerLives(1 + random.below(answers), back);
  });

  test.runIf(rounds > 1).each(['server', 'worker'] as const)('--standalone: its own %s goes', async (which) => {
    const { folder } = alone;
    const words = ['--standalone', 'backups', 'run'];
    // Nobody listens there.
    const { said: saidSoFar, ended } = await start({ address: '127.0.0.1:9' }, words, alone);
    await expect.poll(() => watched.test(saidSoFar()), { interval: 50 }).toBe(true);
    const file = join(folder, 'state/standalone/processes.json');
    const pids = JSON.parse(await readFile(file, 'utf8')) as Readonly<Record<'server' | 'worker', number>>;
    process.kill(pids[which], 'SIGKILL');
    const { code, said } = await ended;
    expect(said).not.toMatch(stackLine);
    expect([exit.ok, exit.unreachable], said).toContain(code);
    expect(existsSync(file), 'it has ended both').toBe(false);
    for (const pid of Object.values(pids).filter((pid) => pid < 1e7))
      expect(existsSync(`/proc/${pid}/fd/0`)).toBe(false);
  });
});

async function inTurn<T>(items: readonly T[], use: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) await use(item);
}
