/** Every secret value of the sample appliance's configuration, for a search that must find none of them elsewhere. */
import { readFile } from 'node:fs/promises';
import { envFile, type SampleAppliance } from '../../src/dev/appliance/description.ts';

export async function canaries(appliance: SampleAppliance): Promise<string[]> {
  const env = await readFile(envFile(appliance), 'utf8');
  const own = [...env.matchAll(/canary-[0-9a-f]+/g)].map(([value]) => value);
  return [...new Set([...own, appliance.passwords.postgres, appliance.passwords.redis])];
}
