/** What every command starts from: global options, configuration, parts, and the two ways to speak. */
import { resolve } from 'node:path';
import { loadConfiguration } from '../config/load.ts';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import { wireParts, type Parts } from '../../workers/wire.ts';
import { columnsOf } from './output/redraw.ts';
import { wrap } from './output/wrap.ts';

export interface GlobalOptions {
  readonly config: string;
  readonly output: 'table' | 'json';
  /** Address of a Temporal server that is used instead of the configured one: of this host, namespace `default`. */
  readonly temporal?: string;
  /** A private Temporal server and a worker for this command. */
  readonly standalone?: boolean;
  /** True where --config stands on the command line: then printed commands carry it too. */
  readonly configGiven?: boolean;
}

export function configPath({ config }: GlobalOptions): string {
  return resolve(config);
}

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

/** A command as it can be copied from the screen and run again. */
export function commandOf(globals: GlobalOptions, words: string): string {
  const config = globals.configGiven === true ? `-c ${quoted(globals.config)} ` : '';
  const server = globals.temporal === undefined ? '' : `--temporal ${globals.temporal} `;
  return `lifeboat ${config}${globals.standalone === true ? '--standalone ' : server}${words}`.trim();
}

/** The commands that a text names, as they can be copied and run again. */
export function withConfig(globals: GlobalOptions, text: string): string {
  return text.replaceAll(/`lifeboat ([^-<`][^`]*)`/g, (_, words: string) => `\`${commandOf(globals, words)}\``);
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** Talk: on stderr, wrapped where a terminal shows it. */
export function say(text: string): void {
  process.stderr.write(`${wrap(text, columnsOf(process.stderr), '  ')}\n`);
}

/** A command to be copied: never broken into lines. */
export function sayCommand(command: string): void {
  process.stderr.write(`  ${command}\n`);
}

/** Data: on stdout, as it is. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** `a,b c` and ['a', 'b,c'] → the words. */
export function listOf(text: string | readonly string[] | undefined): string[] {
  return (typeof text === 'string' ? [text] : (text ?? []))
    .flatMap((part) => part.split(/[\s,]+/))
    .filter((part) => part !== '');
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
  const known = appliance.components.map(({ id }) => id);
  const foreign = ids.filter((id) => !known.includes(id));
  const others = foreign.length === 0 ? [] : ((await elsewhere?.()) ?? []);
  const unknown = foreign.filter((id) => !others.includes(id));
  if (unknown.length === 0) return ids;
  throw new LifeboatError('InputInvalid', `unknown component ${unknown.map((id) => `\`${id}\``).join(', ')}`, {
    hint: `configured are ${known.join(', ')}`,
  });
}
