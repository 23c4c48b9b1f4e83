/** Databases whose disk runs full by what waits for the archive give it up, where that was accepted. */
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import type { Appliance } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { Driver } from '../../drivers/driver.ts';
import { readStateFile, stateFile, writeStateFile } from '../state-file.ts';

const untoldFile = 'dropped-slots.json';

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

/** Looks at the databases of this host. What is found is kept in a file until it was told: nothing on the server says it a second time. */
export async function guardDatabases(
  appliance: Appliance,
  driver: (component: string) => Promise<Driver>,
): Promise<Guarded> {
  const news = (await readStateFile(appliance, untoldFile, z.array(z.string()))) ?? [];
  for (const { id } of appliance.components.filter(({ host }) => host === appliance.host)) {
    try {
      await guardDatabase(await driver(id));
    } catch (error) {
      // What keeps it from looking is told by `doctor`.
      if (!isLifeboatError(error, 'NoSpace')) continue;
      const text = `${id} is UNPROTECTED: ${error.message}`;
      if (!news.includes(text)) news.push(text);
      await writeStateFile(appliance, untoldFile, news);
    }
  }
  return { news, told: async () => rm(stateFile(appliance, untoldFile), { force: true }) };
}
