/** The folder from which the project runs: the checkout, or a copy of it where the run user may not enter. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { run, succeeds } from './commands.mjs';
import { reportStep } from './report.mjs';
import { SetUpError } from './step.mjs';

/** Gives the folder to work in. A copy is brought up to date on every call; its node_modules stay. */
export async function provideCheckout(checkout, cache, user) {
  // The tests' loader takes paths for addresses, in which these characters mean something else.
  if (/[#?%]/.test(checkout))
    throw new SetUpError(
      `the path ${checkout} has one of the characters # ? %, with which the tests do not run`,
      `git clone ${checkout} /folder/of/yours`,
    );
  if (!user.switchTo || (await isReadable(checkout, user))) return checkout;
  const mirror = join(cache, `checkout-${createHash('sha256').update(checkout).digest('hex').slice(0, 8)}`);
  await reportStep('copy of the checkout', async (say) => {
    say(`${user.name} may not read ${checkout}: it runs from ${mirror}`);
    copySources(checkout, mirror, await sourceFiles(checkout), user);
    return {};
  });
  return mirror;
}

function isReadable(checkout, user) {
  const everySource = [
    '.',
    '-name',
    'node_modules',
    '-prune',
    '-o',
    '-name',
    '.git',
    '-prune',
    '-o',
    '!',
    '-readable',
    '-print',
  ];
  return succeeds(
    '/bin/sh',
    [
      '-c',
      `cd "$0" && test -r . && test -z "$(find ${everySource.map((word) => `'${word}'`).join(' ')} 2>&1)"`,
      checkout,
    ],
    {
      user,
      cwd: '/',
    },
  );
}

/** What git knows or would know; without git everything but what is built or installed. */
async function sourceFiles(checkout) {
  if (existsSync(join(checkout, '.git'))) {
    const listed = await run(
      'git',
      ['-c', `safe.directory=${checkout}`, 'ls-files', '-z', '-co', '--exclude-standard'],
      { cwd: checkout },
    ).catch(() => '');
    const files = listed.split('\0').filter((name) => name !== '' && existsSync(join(checkout, name)));
    if (files.length > 0) return files;
  }
  return walk(checkout, '');
}

function walk(root, folder) {
  const skipped = new Set(['node_modules', '.git', 'dist']);
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    const name = join(folder, entry.name);
    return entry.isDirectory() ? walk(root, name) : [name];
  });
}

/** Only root and the run user may read the copy, as only root may read the original. */
function copySources(from, to, files, user) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(to)) if (name !== 'node_modules') rmSync(join(to, name), { recursive: true });
  for (const file of files) {
    const folders = dirname(file).split('/');
    for (let depth = 1; depth <= folders.length; depth++) openTo(user, join(to, ...folders.slice(0, depth)));
    copyOne(join(from, file), join(to, file), user);
  }
  openTo(user, to);
}

function copyOne(source, target, user) {
  const found = lstatSync(source);
  if (found.isSymbolicLink()) return symlinkSync(readlinkSync(source), target);
  copyFileSync(source, target);
  chownSync(target, 0, user.gid);
  chmodSync(target, found.mode & 0o100 ? 0o750 : 0o640);
}

function openTo(user, folder) {
  mkdirSync(folder, { recursive: true });
  chownSync(folder, 0, user.gid);
  chmodSync(folder, 0o750);
}
