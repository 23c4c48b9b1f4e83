import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { megabytesOf } from './cache-entry.mjs';
import { succeeds } from './commands.mjs';
import { npmInstall } from './npm.mjs';
import { provide } from './step.mjs';

/** The first version that runs TypeScript by itself, without a flag. */
const oldestNode = [22, 18];

/** Installs the npm packages unless they are newer than package.json and the lock file. */
export async function provideDependencies(checkout) {
  const stamp = join(checkout, 'node_modules', '.lifeboat-installed');
  await provide({
    title: 'npm packages',
    find: () =>
      isNewer(stamp, [join(checkout, 'package.json'), join(checkout, 'package-lock.json')]) ? stamp : undefined,
    sources: [
      {
        name: 'npm install',
        get: async () => {
          rmSync(stamp, { force: true });
          await npmInstall(checkout);
          writeFileSync(stamp, '');
          return megabytesOf(join(checkout, 'node_modules'));
        },
      },
    ],
    command: `cd ${checkout} && npm install --ignore-scripts --no-audit --no-fund`,
    describe: () => join(checkout, 'node_modules'),
  });
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

function isNewer(stamp, sources) {
  if (!existsSync(stamp)) return false;
  const { mtimeMs } = statSync(stamp);
  return sources.every((source) => !existsSync(source) || statSync(source).mtimeMs <= mtimeMs);
}
