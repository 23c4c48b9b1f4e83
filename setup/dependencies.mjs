import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { megabytesOf } from './cache-entry.mjs';
import { succeeds } from './commands.mjs';
import { npmInstall } from './npm.mjs';
import { provide } from './step.mjs';

/** The first version that runs TypeScript by itself, without a flag. */
const oldestNode = [22, 18];

/** Installs the npm packages unless those of this package.json and this lock file are there. */
export async function provideDependencies(checkout) {
  const stamp = join(checkout, 'node_modules', '.lifeboat-installed');
  // By content: `git checkout` and a new copy of the checkout change the times of files that stayed the same.
  const wanted = digestOf(['package.json', 'package-lock.json'].map((name) => join(checkout, name)));
  await provide({
    title: 'npm packages',
    find: () => (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && areThere(checkout) ? stamp : undefined),
    sources: [
      {
        name: 'npm install',
        get: async () => {
          rmSync(stamp, { force: true });
          await npmInstall(checkout);
          writeFileSync(stamp, wanted);
          return megabytesOf(join(checkout, 'node_modules'));
        },
      },
    ],
    command: `cd ${checkout} && npm install --no-save --ignore-scripts --no-audit --no-fund`,
    describe: () => join(checkout, 'node_modules'),
  });
}

/** What package.json names; optional ones are of other machines too. */
function areThere(checkout) {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  const names = Object.keys({ ...dependencies, ...devDependencies });
  return names.every((name) => existsSync(join(checkout, 'node_modules', name, 'package.json')));
}

/** Path of a Node that is new enough and that the run user may run: this one, else the one among the npm packages. */
export async function provideNode(checkout, user) {
  const packaged = join(checkout, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  return provide({
    title: `Node >= ${oldestNode.join('.')}`,
    find: async () => {
      for (const path of [process.execPath, packaged]) if (await isNewEnough(path, user)) return path;
      return undefined;
    },
    sources: [],
    command: 'install Node 24 from https://nodejs.org, and leave the optional dependencies of npm switched on',
  });
}

function isNewEnough(path, user) {
  const [major, minor] = oldestNode;
  const claim = `const [a, b] = process.versions.node.split('.').map(Number); process.exit(a > ${major} || (a === ${major} && b >= ${minor}) ? 0 : 1)`;
  return succeeds(path, ['-e', claim], { user, cwd: '/' });
}

function digestOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(existsSync(file) ? readFileSync(file) : '').update('\0');
  return hash.digest('hex');
}
