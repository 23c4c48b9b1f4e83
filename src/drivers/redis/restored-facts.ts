/** How a restored data directory must lie: as the server's next start will look for it, not as the captured one ran. */
import type { RedisConfig } from '../../domain/appliance.ts';
import type { DriverEnvironment, RestoreContext } from '../driver.ts';
import { configFolder, readFacts, type RedisFacts } from './facts.ts';
import { layoutFor, nextStart, readLive } from './start-settings.ts';

/** The sealed facts with that layout. A configuration file that is on this host stays, so it decides; else the captured one. */
export async function restoredFacts(
  config: RedisConfig,
  { startCommands = [] }: DriverEnvironment,
  context: Pick<RestoreContext, 'repository' | 'record'>,
): Promise<{ readonly facts: RedisFacts; readonly notes: readonly string[] }> {
  const captured = await readFacts(context);
  const next = await nextStart({
    commands: startCommands,
    configFile: captured.configFile ?? mainFile(captured.configFiles),
    read: async (path) => {
      const live = await readLive(path);
      if (live !== undefined || !captured.configFiles.includes(path)) return live;
      const bytes = await context.repository.readFile(context.record.indexId, `${configFolder}${path}`);
      return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
    },
  });
  const facts = layoutFor(captured, next);
  const isOther = facts.appendOnly !== captured.appendOnly || facts.dumpName !== captured.dumpName;
  const words = (of: RedisFacts): string => `appendonly ${of.appendOnly ? 'yes' : 'no'}, dbfilename ${of.dumpName}`;
  const notes = isOther
    ? [`the captured server ran with ${words(captured)}; its files are laid out for the next start: ${words(facts)}`]
    : [];
  return { facts, notes };
}

export function mainFile(configFiles: readonly string[]): string | undefined {
  return configFiles.find((path) => path.endsWith('.conf'));
}
