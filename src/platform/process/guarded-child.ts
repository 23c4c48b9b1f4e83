/**
 * A program that does not outlive this process, however this process ends. A shell forks a watcher and then becomes
 * the program. The watcher holds the other end of a pipe from us: when it closes without a word, and SIGKILL closes it
 * too, the watcher ends the program.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';

export interface GuardedOptions {
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where standard output and error go; standard input is empty. */
  readonly output: readonly ['pipe' | number, 'pipe' | number];
  /** As root: who runs it. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  /** What the program gets when we are gone. */
  readonly lastSignal: 'QUIT' | 'TERM' | 'KILL';
  /** When SIGKILL follows, seconds. Default 5. */
  readonly killAfterSeconds?: number;
}

/**
 * Forked twice: the program must not find a child that it never made. The pid of the shell, which the program keeps,
 * cannot pass to a stranger before we learned of its end, and then we say so.
 */
const guard = `
last=$1; left=$2; shift 2
({
  read -r word <&3 && exit
  kill -s "$last" $$
  while [ "$left" -gt 0 ]; do sleep 1; kill -s 0 $$ || exit; left=$((left - 1)); done
  kill -s KILL $$
} >/dev/null 2>&1 &)
exec "$@" 3<&-
`;

/** The program itself, under its own pid. One that cannot be started exits with 126 or 127 and says so on its output. */
export function spawnGuarded(options: GuardedOptions): ChildProcess {
  const { command, cwd, env, output, user, lastSignal, killAfterSeconds = 5 } = options;
  const child = spawn('/bin/sh', ['-c', guard, 'guard', lastSignal, String(killAfterSeconds), ...command], {
    cwd,
    env,
    stdio: ['ignore', ...output, 'pipe'],
    // A session of its own: Ctrl-C at a terminal reaches us, and we end the program in order.
    detached: true,
    ...user,
  });
  const pipe = child.stdio[3] as Writable | null;
  // A watcher that somebody killed.
  pipe?.on('error', () => {});
  child.on('error', () => {}); // Seen as an exit without a pid.
  child.once('exit', () => pipe?.end('ended\n'));
  return child;
}
