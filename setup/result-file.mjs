/** The file that `npm run demo -- --json FILE` (or bench) names, for a program that runs as somebody else and perhaps elsewhere. */
import { openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SetUpError } from './step.mjs';

/**
 * Opens the file with the rights and from the folder of whoever typed the command; undefined where none is named. Before
 * set-up, so that nobody waits for a result that cannot be left. What it holds stays until the program writes.
 */
export function openResultFile(args, task) {
  const { json } = parseArgs({ args, options: { json: { type: 'string' } }, strict: false }).values;
  if (typeof json !== 'string') return undefined;
  const path = resolve(json);
  try {
    return openSync(path, 'a');
  } catch (error) {
    throw new SetUpError(
      `the result cannot be written to ${path}: ${error.code}`,
      error.code === 'ENOENT'
        ? `mkdir -p ${dirname(path)}`
        : `npm run ${task} -- --json FILE   (a file that you may write)`,
    );
  }
}
