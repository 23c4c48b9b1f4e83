/** Starts the real program on the right Node as the run user, and hands signals on. */
import { spawn } from 'node:child_process';
import { mkdirSync, chownSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/**
 * What root's environment may hand on to another user; root's may hold secrets that are nobody else's business. Where a
 * network has certificates of its own, npm waits for ever without their paths.
 */
const harmless =
  /^(PATH|LANG|LC_.*|TZ|TERM|COLORTERM|COLUMNS|CI|NO_COLOR|FORCE_COLOR|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|LIFEBOAT_.*)$/;

/**
 * Runs `node args…` with inherited stdio and gives its exit code; a death by signal counts as 128 + its number. The
 * program finds `descriptors` from number 3 on.
 */
export function runProgram(setup, args, { asRoot = false, descriptors = [] } = {}) {
  const { node, checkout, user } = setup;
  const change = user.switchTo && !asRoot;
  const child = spawn(node, args, {
    cwd: checkout,
    env: environment(setup, asRoot),
    stdio: ['inherit', 'inherit', 'inherit', ...descriptors],
    ...(change ? { uid: user.uid, gid: user.gid } : {}),
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  // A terminal gives Ctrl-C to the child as well; twice would mean "at once, without cleaning up".
  const forward = (name) => (name === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(name));
  for (const name of signals) process.on(name, forward);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15, SIGHUP: 1 }[killedBy] ?? 0));
    });
  });
}

function environment(setup, asRoot) {
  const { node, user, state, cache, found } = setup;
  const own = user.switchTo && !asRoot;
  const inherited = own
    ? Object.fromEntries(Object.entries(process.env).filter(([name]) => harmless.test(name)))
    : process.env;
  return {
    ...inherited,
    ...(own ? { HOME: homeOf(user, state), USER: user.name, LOGNAME: user.name } : {}),
    ...found,
    PATH: [dirname(node), setup.path ?? process.env.PATH].filter(Boolean).join(delimiter),
    LIFEBOAT_CACHE: cache,
    LIFEBOAT_STATE: asRoot ? '/var/tmp/lifeboat-0' : state,
    LIFEBOAT_RUN_USER: user.name,
  };
}

function homeOf(user, state) {
  const home = join(state, 'home');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  chownSync(home, user.uid, user.gid);
  return home;
}
