/** Databases whose disk runs full by what waits for the archive give it up, where that was accepted. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Appliance } from '../domain/appliance.ts';
import { isLifeboatError } from '../domain/errors.ts';
import type { Driver } from '../drivers/driver.ts';

/** NoSpace where it was given up just now. A database that does not answer is another's finding. */
export async function guardDatabase(driver: Driver): Promise<void> {
  const dropped = await driver.guardWal?.().catch((error: unknown) => {
    if (isLifeboatError(error, 'EngineUnavailable')) return undefined;
    throw error;
  });
  if (dropped !== undefined) throw dropped;
}

export interface Guarded {
  /** What is to be told, of this look and of earlier ones that nobody could be told of. */
  readonly news: readonly string[];
  readonly told: () => Promise<void>;
}

/** Of the databases of this host. Kept in a file until it was told: nothing on the server says it a second time. */
export async function guardDatabases(appliance: Appliance, driver: (component: string) => Driver): Promise<Guarded> {
  const news = await untold(appliance);
  for (const { id } of appliance.components.filter(({ host }) => host === appliance.host)) {
    try {
      await guardDatabase(driver(id));
    } catch (error) {
      // What keeps it from looking is told by `doctor`.
      if (!isLifeboatError(error, 'NoSpace')) continue;
      const text = `${id} is UNPROTECTED: ${error.message}`;
      if (!news.includes(text)) news.push(text);
      await keep(appliance, news);
    }
  }
  return { news, told: async () => rm(fileOf(appliance), { force: true }) };
}

function fileOf({ stateDir }: Appliance): string {
  return join(stateDir, 'dropped-slots.json');
}

async function untold(appliance: Appliance): Promise<string[]> {
  try {
    return JSON.parse(await readFile(fileOf(appliance), 'utf8')) as string[];
  } catch {
    return [];
  }
}

async function keep(appliance: Appliance, news: readonly string[]): Promise<void> {
  const path = fileOf(appliance);
  await mkdir(appliance.stateDir, { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, JSON.stringify(news), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
