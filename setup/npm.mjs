import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './commands.mjs';

/** Whatever the caller's NODE_ENV and settings leave out: tests and demo need all of them. */
const everything = ['--include=dev', '--include=optional'];
const quiet = [...everything, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** Installs what the lock file of `folder` names, and leaves package.json and lock file as they are. */
export function npmInstall(folder) {
  return npm(['install', ...quiet, '--no-save'], folder);
}

/** Installs one package, for example `left-pad@1.3.0`, into an empty folder. */
export function npmInstallPackage(specification, folder) {
  return npm(['install', ...quiet, '--no-save', '--no-package-lock', '--prefix', folder, specification], folder);
}

/** The npm that called us when there is one, so that set-up works where npm is not on PATH. */
function npm(args, cwd) {
  const caller = process.env.npm_execpath;
  const [file, ...first] = caller !== undefined && existsSync(caller) ? [process.execPath, caller] : ['npm'];
  return run(file, [...first, ...args], { cwd, env: environment(cwd) });
}

/** Settings of the calling npm, except what ties it to its own folder and script. */
function environment(cwd) {
  const own =
    /^(npm_(package|lifecycle)_|npm_config_(local_prefix|omit|only|production)$|npm_command$|INIT_CWD$|NODE_ENV$)/i;
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name))), PWD: join(cwd) };
}
