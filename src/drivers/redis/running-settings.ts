/** What the running server has set, against what its next start will use. */
import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import type { DriverEnvironment } from '../driver.ts';
import { info, setting } from './connection.ts';
import { nextStartOf } from './known-settings.ts';
import { knowsArguments } from './next-start.ts';
import { changedSettings, comparedSettings, type ChangedSetting } from './start-settings.ts';
import type { Finding } from '../../domain/finding.ts';

/** Settings that differ; none where neither the file nor the command is to be seen from here. */
export async function changedAtNextStart(
  client: Redis,
  config: RedisConfig,
  startCommands: DriverEnvironment['startCommands'],
): Promise<ChangedSetting[]> {
  const running = new Map<string, string>();
  for (const name of comparedSettings) {
    const value = await setting(client, name);
    if (value !== undefined) running.set(name, value);
  }
  if (!running.has('appendonly')) running.set('appendonly', (await usesAppendFiles(client)) ? 'yes' : 'no');
  return changedSettings(running, await nextStartOf(client, config, startCommands));
}

/** Told also where CONFIG is renamed or forbidden. */
export async function usesAppendFiles(client: Redis): Promise<boolean> {
  return (await info(client, 'persistence'))['aof_enabled'] === '1';
}

/** For doctor: what differs, why that may be, and what makes it certain. */
export function describeChanged(
  { name, running, next }: ChangedSetting,
  commands: DriverEnvironment['startCommands'] = [],
): Pick<Finding, 'text' | 'hint'> {
  if (knowsArguments(commands))
    return {
      text: `\`${name}\` is \`${running}\`, the next start will use \`${next}\`: it was set after the start, or its file was changed`,
      hint: 'make file and server say the same: CONFIG REWRITE keeps what runs, a restart takes what the file says',
    };
  return {
    text: `\`${name}\` is \`${running}\`, the file says \`${next}\`: an argument of the command that starts the server decides, it was set after the start, or the file was changed`,
    hint: `write into the file what is to be used, so that every start uses it (CONFIG REWRITE writes what runs)${layoutNames.has(name) ? '; until then a restore lays its files out for both' : ''}`,
  };
}

const layoutNames = new Set(['appendonly', 'dbfilename', 'appenddirname', 'appendfilename']);
