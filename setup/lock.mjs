import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { interrupted } from './interruption.mjs';

/** Lets one set-up at a time fill the cache; a second one waits. A lock whose process is gone is taken over. */
export async function lockCache(cache) {
  const file = join(cache, 'setup.lock');
  for (let told = false; ;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = holderOf(file);
    if (holder === undefined) rmSync(file, { force: true });
    else {
      if (!told) process.stderr.write(`waiting for the set-up that process ${holder} runs\n`);
      told = true;
      await delay(500, undefined, { signal: interrupted });
    }
  }
}

function holderOf(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error.code === 'EPERM' ? 'of another user' : undefined;
  }
}
