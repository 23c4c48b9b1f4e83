import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from './commands.mjs';

/**
 * Fills one folder of the cache: `fill(temporary)` writes into a temporary one, which takes its name when it is
 * complete. What an interruption left is removed by the next try. Gives the megabytes.
 */
export async function fillCacheEntry(target, fill) {
  const temporary = join(dirname(target), `.partial-${basename(target)}`);
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true, mode: 0o755 });
  await fill(temporary);
  rmSync(target, { recursive: true, force: true });
  renameSync(temporary, target);
  return megabytesOf(target);
}

export async function megabytesOf(path) {
  const output = await run('du', ['-sk', path]);
  return Number(output.split('\t')[0]) / 1024;
}
