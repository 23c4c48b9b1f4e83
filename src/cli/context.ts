/** What most commands start from: the configuration, and the parts that are built from it. */
import { loadConfiguration } from '../config/load.ts';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import { requireKnown } from '../operations/restore/known-components.ts';
import { wireParts, type Parts } from '../../workers/parts.ts';
import { configPath, type GlobalOptions } from './globals.ts';
import { say } from './output/speak.ts';

export async function loadAppliance(options: GlobalOptions): Promise<Appliance> {
  const { appliance } = await loadConfiguration(configPath(options));
  return options.temporal === undefined ? appliance : atServer(appliance, options.temporal);
}

/** The maker's server on this host, without its usual protection; the web UI is a thousand ports above. */
export function atServer(appliance: Appliance, address: string): Appliance {
  const [hostname = '', port = ''] = address.split(/:(?=\d+$)/);
  if (port === '')
    throw new LifeboatError('InputInvalid', `--temporal \`${address}\` is no address`, {
      hint: 'host and port, for example 127.0.0.1:7233',
    });
  const uiUrl = `http://${hostname}:${Number(port) + 1000}`;
  const { taskQueue } = appliance.temporal;
  return {
    ...appliance,
    temporal: {
      address,
      namespace: 'default',
      taskQueue,
      uiUrl,
      tls: undefined,
      apiKey: undefined,
      service: undefined,
    },
  };
}

/** Opens what a command needs and closes it whatever happens. */
export async function withParts<T>(options: GlobalOptions, use: (parts: Parts) => Promise<T>): Promise<T> {
  const parts = wireParts(await loadAppliance(options), (message) => say(`warning: ${message}`));
  try {
    return await use(parts);
  } finally {
    await parts.close();
  }
}

/**
 * `a,b c` and ['a', 'b,c'] → the words; none where the option was left out. InputInvalid where it was given without a word:
 * an empty variable of a script must not choose everything.
 */
export function listOf(text: string | readonly string[] | undefined): string[] {
  const parts = typeof text === 'string' ? [text] : (text ?? []);
  const words = parts.flatMap((part) => part.split(/[\s,]+/)).filter((part) => part !== '');
  if (parts.length > 0 && words.length === 0)
    throw new LifeboatError('InputInvalid', `an option that takes a list of names was given ${JSON.stringify(parts)}`, {
      hint: 'name at least one, or leave the option out: then it is as the help says',
    });
  return words;
}

/**
 * Component ids of an option, known to the configuration, or to `elsewhere`, which is asked only about others.
 * InputInvalid names those that are configured.
 */
export async function componentsOf(
  appliance: Appliance,
  option: readonly string[] | undefined,
  elsewhere?: () => Promise<readonly string[]>,
): Promise<string[]> {
  const ids = [...new Set(listOf(option))];
  await requireKnown(appliance, ids, elsewhere);
  return ids;
}
