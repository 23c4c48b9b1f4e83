/** States of earlier demos: the newest stay, so that they can be opened again. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { wireParts } from '../../../workers/parts.ts';
import { loadConfiguration } from '../../config/load.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';

/**
 * Keeps `kept` of them, and those whose services still run (`--keep`). One that cannot be read or removed (root wrote into
 * it) stays too and is told: a new demo has a folder of its own, and needs no room that only the old one could give.
 */
export async function forgetOldStates(root: string, kept: number, say: (text: string) => void): Promise<void> {
  const old = (await readdir(root))
    .filter((name) => /^\d{8}_\d{6}$/.test(name))
    .sort()
    .reverse()
    .slice(kept);
  for (const name of old) {
    const folder = join(root, name);
    try {
      if (await isRunning(folder)) continue;
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      say(`removed the state of an older demo: ${folder}`);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      say(`an older demo stays in ${folder}: ${code ?? message}; remove it as its owner or as root`);
    }
  }
}

async function isRunning(folder: string): Promise<boolean> {
  const appliance = await configuredIn(folder);
  if (appliance === undefined) return false;
  const { platform } = wireParts(appliance);
  const states = await Promise.all(appliance.services.map(async ({ name }) => platform.state(name)));
  return states.some(({ running }) => running);
}

/** Undefined where a demo broke off before it wrote a configuration, and where another version wrote it. */
async function configuredIn(folder: string): Promise<Appliance | undefined> {
  try {
    return (await loadConfiguration(join(folder, 'lifeboat.yaml'))).appliance;
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    if (error.code === 'NotFound' || error.cause === undefined) return undefined;
    throw error.cause;
  }
}
