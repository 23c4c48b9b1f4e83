import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { interrupted } from './interruption.mjs';

/** The holder touches its lock this often; one untouched for much longer was killed. A pid could be somebody else's by now. */
const touchMs = 1000;
const staleMs = 15_000;

/** Lets one set-up at a time fill the cache; a second one waits. Gives what releases the lock. */
export async function lockCache(cache) {
  const file = join(cache, 'setup.lock');
  for (let told = false; !create(file); told = true) {
    if (!told) process.stderr.write(`waiting for the set-up that holds ${file}\n`);
    if (isStale(file)) rmSync(file, { force: true });
    else await delay(200, undefined, { signal: interrupted });
  }
  const timer = setInterval(() => touch(file), touchMs);
  return () => {
    clearInterval(timer);
    rmSync(file, { force: true });
  };
}

function create(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
}

function isStale(file) {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs > staleMs;
}

function touch(file) {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // Somebody emptied the cache meanwhile: nothing is left to hold.
  }
}
