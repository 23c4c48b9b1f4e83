/** Names of the files that the server writes. CONFIG may be renamed or forbidden: then they are those of its next start. */
import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import type { DriverEnvironment } from '../driver.ts';
import { commandHint, refusalOf, type Missing } from './commands.ts';
import { info, setting } from './connection.ts';
import { mainFile } from './restored-facts.ts';
import { nextStart, readLive, settingOf, type StartSettings } from './start-settings.ts';

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
  const ask = async (name: string): Promise<string | undefined> =>
    (refused === undefined ? await setting(client, name) : undefined) ?? settingOf(next, name);
  return {
    from: refused === undefined ? 'server' : next === undefined ? 'default' : 'next start',
    dumpName: (await ask('dbfilename')) ?? '',
    appendOnly: (await ask('appendonly'))?.toLowerCase() === 'yes',
    appendFolder: (await ask('appenddirname')) ?? '',
    appendName: (await ask('appendfilename')) ?? '',
    aclFile: (await ask('aclfile')) ?? '',
    refused,
  };
}

/** From the file that the server says it has; a container's own path of it may not be there, the configured one is. */
export async function nextStartOf(
  client: Redis,
  config: RedisConfig,
  commands: StartCommands = [],
): Promise<StartSettings | undefined> {
  const { config_file: configFile } = await info(client, 'server');
  const told = await nextStart({ commands, configFile, read: readLive });
  return told ?? nextStart({ commands, configFile: mainFile(config.configFiles), read: readLive });
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
    text: `${cause}: the name of the dump is not known, and append-only files are taken for off`,
    hint: `${hint}; or add the configuration file of the server to \`configFiles\` of \`${id}\``,
  };
}
