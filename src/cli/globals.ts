/** The global options, and how a printed command carries them. */
import { resolve } from 'node:path';

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
