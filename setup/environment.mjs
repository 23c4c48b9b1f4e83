/** What the program sees of its caller's environment. */
import { chownSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { run } from './commands.mjs';

/**
 * What root's environment may hand on to another user; root's may hold secrets that are nobody else's business. Where a
 * network has certificates of its own, npm waits for ever without their paths.
 */
const harmless =
  /^(LANG|LC_.*|TZ|TERM|COLORTERM|COLUMNS|CI|NO_COLOR|FORCE_COLOR|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|LIFEBOAT_.*)$/;
const proxy = /^(https?|all|no|grpc|no_grpc)_proxy$/i;
/** What libraries and programs read by themselves: their settings of the caller say nothing of the engines here. */
const settings = /^(PG[A-Z]+|AWS_.*|GIT_.*|NODE_ENV|NODE_OPTIONS)$/;
/** npm knows proxies by its own settings too: engines on this host must not be looked for behind one. */
const npmSettings = {
  http_proxy: 'npm_config_proxy',
  https_proxy: 'npm_config_https_proxy',
  no_proxy: 'npm_config_noproxy',
};

export function environmentOf(setup, asRoot) {
  const { node, user, state, cache, found, path, runFolder } = setup;
  const isOther = user.switchTo && !asRoot;
  const kept = Object.entries(process.env).filter(([name]) =>
    isOther ? harmless.test(name) : !proxy.test(name) && !settings.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    ...proxySettings(),
    // Who sets both wants none; Node would say so in each of its processes.
    ...(process.env.NO_COLOR === undefined ? {} : { FORCE_COLOR: undefined }),
    ...(isOther ? { HOME: homeOf(user, state), USER: user.name, LOGNAME: user.name } : {}),
    ...found,
    PATH: [dirname(node), path].filter(Boolean).join(delimiter),
    // Root does not work in a folder that another user owns.
    ...(runFolder === undefined || (asRoot && user.switchTo) ? {} : { TMPDIR: runFolder }),
    LIFEBOAT_CACHE: cache,
    LIFEBOAT_STATE: asRoot ? '/var/tmp/lifeboat-0' : state,
    LIFEBOAT_RUN_USER: user.name,
  };
}

/**
 * The folders of PATH that the run user may look into. A folder below root's home answers "permission denied" for each
 * program that is not there, and no program tells that from one that it may not run.
 */
export async function readablePath(user) {
  const script = 'IFS=:; for each in $PATH; do test -d "$each" && test -x "$each" && echo "$each"; done; true';
  const folders = (await run('/bin/sh', ['-c', script], { user, cwd: '/' }))
    .split('\n')
    .filter((folder) => folder.startsWith('/'));
  return (folders.length > 0 ? folders : ['/usr/local/bin', '/usr/bin', '/bin']).join(delimiter);
}

function proxySettings() {
  return Object.fromEntries(
    Object.entries(npmSettings).flatMap(([name, setting]) => {
      const value = process.env[name] ?? process.env[name.toUpperCase()];
      return value === undefined ? [] : [[setting, value]];
    }),
  );
}

function homeOf(user, state) {
  const home = join(state, 'home');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  chownSync(home, user.uid, user.gid);
  return home;
}
