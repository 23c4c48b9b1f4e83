import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { notesOf } from './run-folder.mjs';
import { SetUpError } from './step.mjs';

/** Where fetched engines and models are kept. Root's is readable by all: the run user works from it. */
export function prepareCache() {
  const home = homedir();
  if (process.getuid() !== 0 && !process.env.LIFEBOAT_CACHE && !isAbsolute(home))
    throw new SetUpError(
      `HOME is \`${home}\`, which is no folder`,
      'LIFEBOAT_CACHE=/folder/of/yours npm test   (the same for demo and bench)',
    );
  const usual = process.getuid() === 0 ? '/var/cache/lifeboat' : join(home, '.cache', 'lifeboat');
  const cache = resolve(process.env.LIFEBOAT_CACHE || usual);
  try {
    mkdirSync(cache, { recursive: true, mode: 0o755 });
    closeSync(openSync(join(cache, 'setup.log'), 'a'));
    mkdirSync(notesOf(cache), { recursive: true, mode: 0o755 });
    accessSync(notesOf(cache), constants.W_OK);
  } catch (error) {
    throw new SetUpError(
      `the cache ${cache} cannot be written: ${error.code}`,
      'LIFEBOAT_CACHE=/folder/of/yours npm test   (the same for demo and bench)',
    );
  }
  return cache;
}

/**
 * The run user's folder for running data. Its parent is writable by everybody, so a folder, or a link, that somebody
 * else put there is refused.
 */
export function prepareState(user) {
  const state = resolve(process.env.LIFEBOAT_STATE || `/var/tmp/lifeboat-${user.uid}`);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const found = lstatSync(state);
  if (found.isDirectory() && found.uid === process.getuid() && user.switchTo) chownSync(state, user.uid, user.gid);
  const now = lstatSync(state);
  if (!now.isDirectory() || now.uid !== user.uid) {
    throw new SetUpError(`the state folder ${state} belongs to somebody else (uid ${now.uid})`, `rm -r ${state}`);
  }
  chmodSync(state, 0o700);
  // As the system shows it in a process's working directory.
  return realpathSync(state);
}
