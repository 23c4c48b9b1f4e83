/** Starts the real program on the right Node as the run user, and ends it when this command is interrupted. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { environmentOf } from './environment.mjs';
import { interrupted } from './interruption.mjs';

/** The demo stops its engines in order within this time; what a killed program leaves is ended with the run. */
const graceMs = 3500;

/**
 * Runs `node args…` with inherited stdio and gives its exit code; a death by signal counts as 128 + its number. What it
 * says goes to the descriptor `output` where one is given. The program finds `descriptors` from number 3 on. Rejects with
 * the interruption once the program has ended by it.
 */
export async function runProgram(setup, args, { asRoot = false, descriptors = [], output } = {}) {
  interrupted.throwIfAborted();
  const { node, checkout, user, umask } = setup;
  const change = user.switchTo && !asRoot;
  const child = spawnWith(umask, node, args, {
    cwd: checkout,
    env: environmentOf(setup, asRoot),
    stdio: [...(output === undefined ? ['inherit', 'inherit', 'inherit'] : ['ignore', output, output]), ...descriptors],
    // A group of its own: Ctrl-C reaches it once, from here, and not a second time from the terminal.
    detached: true,
    ...(change ? { uid: user.uid, gid: user.gid } : {}),
  });
  let timer;
  const end = () => {
    child.kill(interrupted.reason.signal);
    timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  };
  interrupted.addEventListener('abort', end, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, killedBy) => resolve(code ?? 128 + (constants.signals[killedBy] ?? 0)));
    });
  } finally {
    clearTimeout(timer);
    interrupted.removeEventListener('abort', end);
    interrupted.throwIfAborted();
  }
}

/** A child takes its mask over when it is started; set-up has one of its own. */
function spawnWith(umask, program, args, options) {
  const own = process.umask(umask);
  try {
    return spawn(program, args, options);
  } finally {
    process.umask(own);
  }
}
