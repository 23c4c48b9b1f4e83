/**
 * Names of the files that the server writes. CONFIG may be renamed or forbidden: then they are those of its next start.
 * Whether it writes append-only files INFO tells.
 */
import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import type { DriverEnvironment } from '../driver.ts';
import { commandHint, refusalOf, type Missing } from './commands.ts';
import { info, setting } from './connection.ts';
import { mainFile } from './restored-facts.ts';
import { nextStart, readLive, type StartSettings } from './next-start.ts';
import { settingOf } from './start-settings.ts';

export interface KnownSettings {
  /** Who says so: the running server, what it will be started with, or nobody, so that they are the defaults. */
  readonly from: 'server' | 'next start' | 'default';
  readonly dumpName: string;
  readonly appendOnly: boolean;
  readonly appendFolder: string;
  readonly appendName: string;
  readonly aclFile: string;
  /** Why the server was not asked; undefined where it was. */
  readonly refused: Missing | undefined;
}

type StartCommands = DriverEnvironment['startCommands'];

export async function knownSettings(
  client: Redis,
  config: RedisConfig,
  startCommands: StartCommands,
): Promise<KnownSettings> {
  const refused = await refusalOfConfig(client);
  const next = refused === undefined ? undefined : await nextStartOf(client, config, startCommands);
  const { aof_enabled: appendFiles } = await info(client, 'persistence');
  const ask = async (name: string): Promise<string | undefined> =>
    (refused === undefined ? await setting(client, name) : undefined) ?? settingOf(next, name);
  return {
    from: refused === undefined ? 'server' : next === undefined ? 'default' : 'next start',
    dumpName: (await ask('dbfilename')) ?? '',
    appendOnly: appendFiles === '1',
    appendFolder: (await ask('appenddirname')) ?? '',
    appendName: (await ask('appendfilename')) ?? '',
    aclFile: (await ask('aclfile')) ?? '',
    refused,
  };
}

/** From the file that the server says it has, if any; a container's own path of it may not be there, the configured one is. */
export async function nextStartOf(
  client: Redis,
  config: RedisConfig,
  commands: StartCommands = [],
): Promise<StartSettings | undefined> {
  const { config_file: configFile } = await info(client, 'server');
  const configFiles = configFile === '' ? [] : [configFile, mainFile(config.configFiles)];
  return nextStart({ commands, configFiles, read: readLive });
}

async function refusalOfConfig(client: Redis): Promise<Missing | undefined> {
  try {
    await client.call('CONFIG', 'GET', 'dbfilename');
    return undefined;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ReplyError') throw error;
    const why = refusalOf(error.message) ?? 'unknown';
    return { command: why === 'forbidden' ? 'CONFIG|GET' : 'CONFIG', why };
  }
}

/** What is wrong where the server was not asked, and what to do; undefined where it was. */
export function unknownNames(
  { refused, from, dumpName }: KnownSettings,
  { id, username }: Pick<RedisConfig, 'id' | 'username'>,
): { readonly text: string; readonly hint: string } | undefined {
  if (refused === undefined) return undefined;
  const cause = `CONFIG is ${refused.why === 'unknown' ? 'not known to the server' : 'forbidden to the user'}`;
  const hint = commandHint(refused, username);
  if (from === 'next start')
    return {
      text: `${cause}: the names of its files (the dump: \`${dumpName}\`) are those that its next start will use`,
      hint,
    };
  return {
    text: `${cause}: the names of the dump and of append-only files are not known`,
    hint: `${hint}; or add the configuration file of the server to \`configFiles\` of \`${id}\``,
  };
}
