/** Clusters that initdb made once, to be copied: a copy takes a tenth of its time. For tests, which need some two hundred. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The folder that holds templates; undefined where every cluster is made anew, as in the demo. */
export function templateFolder(): string | undefined {
  return process.env['LIFEBOAT_PG_TEMPLATES'] || undefined;
}

/**
 * Puts a copy of the template at `target`, which must not exist; the first caller makes it with `make`. `ingredients` is all
 * that decides what it holds: version and arguments. All copies of one template have one system identifier.
 */
export async function copyTemplate(
  folder: string,
  ingredients: readonly string[],
  target: string,
  make: (directory: string) => Promise<void>,
): Promise<void> {
  const template = join(folder, createHash('sha256').update(JSON.stringify(ingredients)).digest('hex').slice(0, 16));
  if (!(await isThere(template))) await makeTemplate(folder, template, make);
  await run('cp', ['-a', template, target]);
}

/** Two at once make two: the one that is named first stays. */
async function makeTemplate(
  folder: string,
  template: string,
  make: (directory: string) => Promise<void>,
): Promise<void> {
  // With its maker's number: what a killed one left is removed by the next run.
  const partial = join(folder, `.partial-${process.pid}-${randomBytes(6).toString('hex')}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await make(partial);
    await rename(partial, template);
  } catch (error) {
    if (!(await isThere(template))) throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
