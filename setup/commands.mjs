/** Runs the commands of set-up: quietly, with all they say in one log, and their last words in the error. */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { interrupted } from './interruption.mjs';

let logFile;
const interruptedMs = 2000;

/** From now on the output of every command is appended to this file. */
export function logCommandsTo(path) {
  mkdirSync(dirname(path), { recursive: true });
  logFile = path;
}

/**
 * Runs one command to its end and gives its stdout. Rejects when it fails, cannot be started or takes longer than
 * `timeoutSeconds` (30 minutes by default: a package manager on a slow line).
 */
export function run(file, args, { cwd, env, user, timeoutSeconds = 1800 } = {}) {
  return new Promise((resolve, reject) => {
    interrupted.throwIfAborted();
    // Root's home is closed to the run user; a program that looks for its settings there would fail.
    const identity = user?.switchTo ? { uid: user.uid, gid: user.gid } : {};
    const signal = AbortSignal.any([interrupted, AbortSignal.timeout(timeoutSeconds * 1000)]);
    const child = spawn(file, args, {
      cwd,
      env: user?.switchTo ? { ...process.env, ...env, HOME: '/' } : (env ?? process.env),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...identity,
    });
    // A grandchild may hold the pipes for longer: what is left then is ended with the run.
    const stop = () => {
      child.kill('SIGTERM');
      setTimeout(() => interrupted.aborted && end('interrupted'), interruptedMs).unref();
    };
    signal.addEventListener('abort', stop, { once: true });
    let stdout = '';
    let all = '';
    child.stdout.setEncoding('utf8').on('data', (text) => ((stdout += text), (all += text)));
    child.stderr.setEncoding('utf8').on('data', (text) => (all += text));
    const end = (problem) => {
      signal.removeEventListener('abort', stop);
      writeLog(file, args, all, problem);
      if (interrupted.aborted) reject(interrupted.reason);
      else if (problem === undefined) resolve(stdout);
      else
        reject(
          new Error(
            `${[file, ...args].join(' ')}: ${signal.aborted ? `no end within ${timeoutSeconds} s` : problem}${lastWords(all)}`,
          ),
        );
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, killedBy) => end(code === 0 ? undefined : `exit code ${code ?? killedBy}`));
  });
}

/** Whether a command can be run and succeeds. */
export async function succeeds(file, args, options) {
  try {
    await run(file, args, { timeoutSeconds: 60, ...options });
    return true;
  } catch {
    interrupted.throwIfAborted();
    return false;
  }
}

function lastWords(output) {
  const lines = output.trim().split('\n').slice(-6);
  return lines[0] === '' ? '' : `\n    ${lines.join('\n    ')}`;
}

function writeLog(file, args, output, problem) {
  if (logFile === undefined) return;
  appendFileSync(
    logFile,
    `$ ${[file, ...args].join(' ')}\n${output}${problem === undefined ? '' : `=> ${problem}\n`}\n`,
  );
}
