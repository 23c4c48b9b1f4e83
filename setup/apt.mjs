/** Packages of Debian and Ubuntu, for root. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { run, succeeds } from './commands.mjs';
import { interrupted } from './interruption.mjs';

const policyFile = '/usr/sbin/policy-rc.d';
const policy =
  '#!/bin/sh\n# Written by the set-up of Lifeboat, which removes it: no service starts while packages are installed.\nexit 101\n';
/** Without the mark of the run: a package manager that is interrupted ends by itself, and must not be killed. */
const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };

export function hasApt() {
  return process.getuid() === 0 && existsSync('/usr/bin/apt-get');
}

/** A source for `provide`, or undefined where this machine or user has no apt. */
export function aptSource(...packages) {
  return hasApt() ? { name: `apt-get install ${packages.join(' ')}`, get: () => install(packages) } : undefined;
}

export function aptCommand(...packages) {
  return `sudo apt-get install ${packages.join(' ')}`;
}

async function install(packages) {
  const withoutServices = forbidServices();
  try {
    // An earlier installation that was cut off blocks every later one.
    if ((await run('dpkg', ['--audit'])).trim() !== '') await run('dpkg', ['--configure', '-a'], { env });
    return await tryInstall(packages).catch(async (error) => {
      interrupted.throwIfAborted();
      // Fresh machines have no package lists, old ones point to files that are gone.
      if (!(await succeeds('apt-get', ['update'], { env, timeoutSeconds: 300 }))) throw error;
      return tryInstall(packages);
    });
  } finally {
    withoutServices.end();
  }
}

async function tryInstall(packages) {
  const wait = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
  const output = await run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...packages], { env });
  const [, amount, unit] = /After this operation, ([\d.,]+) ([kMG])B of additional/.exec(output) ?? [];
  return amount === undefined ? 0 : (Number(amount.replaceAll(',', '')) * { k: 1, M: 1000, G: 1e6 }[unit]) / 1000;
}

/** A policy that the machine has already stays as it is; ours from an interrupted run is taken over and removed. */
function forbidServices() {
  if (existsSync(policyFile) && readFileSync(policyFile, 'utf8') !== policy) return { end: () => {} };
  writeFileSync(policyFile, policy, { mode: 0o755 });
  return { end: () => rmSync(policyFile, { force: true }) };
}
