/**
 * Commands of the server that a capture and the probe after a restore need: `rename-command` takes them away, an ACL
 * forbids them. PING is none of them.
 */
import type { Redis } from 'ioredis';
import { causes, filled, type Cause } from '../../domain/causes.ts';

/** Completes "Redis needs …". */
export interface Missing {
  readonly command: string;
  readonly why: 'unknown' | 'forbidden';
}

const isReply = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError';

/** The command that an answer of the server refuses, as `refusalOf`; undefined for every other error. */
export function refusedCommand(text: string): Missing | undefined {
  const why = refusalOf(text);
  const pattern = why === 'forbidden' ? /'([\w|-]+)' command/i : /unknown command [`'"]?([\w|-]+)/i;
  const [, command] = pattern.exec(text) ?? [];
  return why === undefined || command === undefined ? undefined : { command: command.toUpperCase(), why };
}

/** How an answer of the server refuses a command as such; undefined for every other error. */
export function refusalOf(text: string): Missing['why'] | undefined {
  if (/unknown command/i.test(text)) return 'unknown';
  return /^-?NOPERM/.test(text) ? 'forbidden' : undefined;
}

/** `save`: the server writes its own dump; `replication`: it is asked for one like a replica. */
export async function missingCommands(client: Redis, way: 'save' | 'replication'): Promise<Missing[]> {
  if (way === 'save') return asked(client, 'BGSAVE');
  return [...(await unknownOf(client, ['PSYNC'])), ...(await forbiddenOf(client, ['PSYNC', '?', '-1']))];
}

/** With a word that it does not know it does nothing, after it was looked up and the user's right to it was checked. */
async function asked(client: Redis, command: string): Promise<Missing[]> {
  try {
    await client.call(command, 'lifeboat-only-asks');
    return [];
  } catch (error) {
    if (!isReply(error)) throw error;
    const why = refusalOf(error.message);
    return why === undefined ? [] : [{ command, why }];
  }
}

/** Nothing where the server may not be asked for its commands. */
async function unknownOf(client: Redis, names: readonly string[]): Promise<Missing[]> {
  const answer = await allowed(() => client.call('COMMAND', 'INFO', ...names));
  if (!Array.isArray(answer)) return [];
  return names.flatMap((command, index) => (answer[index] === null ? [{ command, why: 'unknown' as const }] : []));
}

/** Since Redis 7; nothing before, and where the user may not ask. */
async function forbiddenOf(client: Redis, words: readonly [string, ...string[]]): Promise<Missing[]> {
  const user = await allowed(() => client.call('ACL', 'WHOAMI'));
  if (typeof user !== 'string') return [];
  const answer = await allowed(() => client.call('ACL', 'DRYRUN', user, ...words));
  return typeof answer === 'string' && /no permissions/i.test(answer) ? [{ command: words[0], why: 'forbidden' }] : [];
}

/** True only where the server says so (since Redis 7). */
export async function isAllowed(client: Redis, words: readonly [string, ...string[]]): Promise<boolean> {
  const user = await allowed(() => client.call('ACL', 'WHOAMI'));
  if (typeof user !== 'string') return false;
  return (await allowed(() => client.call('ACL', 'DRYRUN', user, ...words))) === 'OK';
}

async function allowed(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    if (isReply(error)) return undefined;
    throw error;
  }
}

/** What is wrong, and what brings the command back. */
export function missingText({ command, why }: Missing): string {
  return filled(causeOf(why).text, { COMMAND: command });
}

export function commandHint({ command, why }: Missing, user: string | undefined): string {
  const word = why === 'forbidden' ? command.toLowerCase() : command;
  return filled(causeOf(why).hint, { COMMAND: word, ' USER ': ` ${user ?? 'default'} ` });
}

function causeOf(why: Missing['why']): Cause {
  return why === 'unknown' ? causes.renamedCommand : causes.forbiddenCommand;
}
