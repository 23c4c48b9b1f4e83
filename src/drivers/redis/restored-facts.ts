/** How a restored data directory must lie: as the server's next start will look for it, not as the captured one ran. */
import type { RedisConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { DriverEnvironment, RestoreContext } from '../driver.ts';
import { configFolder, readFacts, refusePaths, type RedisFacts } from './facts.ts';
import { hasManifest } from './layout.ts';
import { knowsArguments, nextStart, readLive } from './next-start.ts';
import { layoutOf, oneName, oneNameHint, possibleStarts, type Layout } from './possible-starts.ts';

export interface RestoredFacts {
  /** As they were sealed: with the names with which the captured server ran. */
  readonly captured: RedisFacts;
  /** The sealed facts with the names of the start that is believed in most. */
  readonly facts: RedisFacts;
  /** The same for each start that is possible, that one first. */
  readonly starts: readonly RedisFacts[];
  readonly layout: Layout;
  readonly notes: readonly string[];
}

/** A configuration file that is on this host stays, so it decides; else the captured one. */
export async function restoredFacts(
  config: RedisConfig,
  { startCommands = [] }: DriverEnvironment,
  context: Pick<RestoreContext, 'repository' | 'record'>,
): Promise<RestoredFacts> {
  const captured = await readFacts(context);
  const next = await nextStart({
    commands: startCommands,
    configFiles:
      captured.configFile === ''
        ? []
        : [captured.configFile, mainFile(config.configFiles), mainFile(captured.configFiles)],
    read: async (path) => {
      const live = await readLive(path);
      if (live !== undefined || !captured.configFiles.includes(path)) return live;
      const bytes = await context.repository.readFile(context.record.indexId, `${configFolder}${path}`);
      return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
    },
  });
  const isKnown = next !== undefined && knowsArguments(startCommands);
  const starts = possibleStarts(captured, next, isKnown);
  const [facts] = starts;
  refusePaths(facts, config.id);
  const layout = layoutOf(starts, isKnown);
  refuseOneName(layout, facts, config.id);
  return { captured, facts, starts, layout, notes: notesOn(captured, facts, isKnown) };
}

/** A folder cannot have the name of the dump: Redis itself would not start so with append-only files. */
function refuseOneName({ dumps, appends }: Layout, facts: RedisFacts, component: string): void {
  const taken = appends.map(({ folder, name }) => (hasManifest(facts) ? folder : name));
  const name = dumps.find((each) => taken.includes(each));
  if (name === undefined) return;
  throw new LifeboatError('Precondition', oneName(name), { component, hint: oneNameHint });
}

function notesOn(captured: RedisFacts, facts: RedisFacts, isKnown: boolean): string[] {
  const [ran, next] = [captured, facts].map(
    ({ appendOnly, dumpName }) => `appendonly ${appendOnly ? 'yes' : 'no'}, dbfilename ${dumpName}`,
  );
  if (ran === next) return [];
  return isKnown
    ? [`the captured server ran with ${ran}; its files are laid out for the next start: ${next}`]
    : [`the captured server ran with ${ran}, its configuration says ${next}: its files are laid out for both`];
}

export function mainFile(configFiles: readonly string[]): string | undefined {
  return configFiles.find((path) => path.endsWith('.conf'));
}
