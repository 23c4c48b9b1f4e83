/** What the running server has set, against what its next start will use. */
import type { Redis } from 'ioredis';
import type { DriverEnvironment } from '../driver.ts';
import { info, setting } from './connection.ts';
import { changedSettings, comparedSettings, nextStart, readLive } from './start-settings.ts';

/** Names of settings that differ; none where the file or the command is not to be seen from here. */
export async function changedAtNextStart(
  client: Redis,
  startCommands: DriverEnvironment['startCommands'] = [],
): Promise<string[]> {
  const { config_file: configFile } = await info(client, 'server');
  const next = await nextStart({ commands: startCommands, configFile, read: readLive });
  if (next === undefined) return [];
  const running = new Map<string, string>();
  for (const name of comparedSettings) {
    const value = await setting(client, name);
    if (value !== undefined) running.set(name, value);
  }
  return changedSettings(running, next);
}
