/** The children of a process that a test kills, as the kernel lists them. */
import { readFile, readdir } from 'node:fs/promises';
import { poll } from '../../src/dev/poll.ts';
import type { RunningAttempt } from './driver-fixture.ts';

/** Pids of the attempt's children and theirs, as soon as one of them runs such a command. */
export async function untilDescendants(attempt: RunningAttempt, command: RegExp): Promise<number[]> {
  const find = async (): Promise<number[] | undefined> => {
    const pids = await descendantsOf(attempt.pid);
    const commands = await Promise.all(pids.map(commandOf));
    return commands.some((text) => command.test(text)) ? pids : undefined;
  };
  const ended = attempt.ended.then((how) => {
    throw new Error(`the attempt ended (${how}) before its engine was seen`);
  });
  const describe = (): Error => new Error('the attempt started no engine');
  return Promise.race([poll(find, { timeoutMs: 120_000, intervalMs: 2, describe }), ended]);
}

/** Returns when none of them runs any more. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  const check = async (): Promise<true | undefined> => {
    const running = await Promise.all(pids.map(isRunning));
    return running.includes(true) ? undefined : true;
  };
  const describe = (): Error => new Error(`one of the processes ${pids.join(', ')} lives on`);
  await poll(check, { timeoutMs: 120_000, intervalMs: 10, describe });
}

async function descendantsOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(threads.map(async (thread) => read(`/proc/${pid}/task/${thread}/children`)));
  const children = lists.flatMap((list) => list.split(' ').filter((each) => each !== '')).map(Number);
  return [...children, ...(await Promise.all(children.map(descendantsOf))).flat()];
}

async function commandOf(pid: number): Promise<string> {
  return (await read(`/proc/${pid}/cmdline`)).replaceAll('\0', ' ');
}

/** A zombie has ended. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await read(`/proc/${pid}/stat`);
  return stat !== '' && !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
