/** Why a server that let us in speaks no SFTP. */
import type { Client } from 'ssh2';
import { causes } from '../../domain/causes.ts';
import { LifeboatError } from '../../domain/errors.ts';

const readMs = 2000;
const quietMs = 300;
const maxBytes = 1000;
const shownCharacters = 200;

/**
 * Undefined where the reason lies elsewhere, as in the connection. A login shell that prints a line before it starts the
 * SFTP server is asked once more, for the text: the client took its first letters for a length.
 */
export async function whyNoSftp(
  error: Error & { readonly level?: string },
  client: Client,
  account: string,
): Promise<LifeboatError | undefined> {
  const isNoPacket = error.level === 'sftp-protocol';
  if (!isNoPacket && !/subsystem|SFTP session/.test(error.message)) return undefined;
  const text = await printed(client);
  if (isNoPacket || text !== '')
    return new LifeboatError('Precondition', `the login shell of ${account} prints text: ${shown(text)}`, {
      hint: causes.talkingShell.hint,
      cause: error,
    });
  return new LifeboatError('Precondition', `${account} starts no SFTP: ${error.message}`, {
    hint: causes.noSftp.hint,
    cause: error,
  });
}

/** What comes before anything was asked. */
async function printed(client: Client): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const over = setTimeout(() => resolve(text), readMs);
    let quiet: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(over);
      clearTimeout(quiet);
      resolve(text);
    };
    client.once('close', end);
    client.subsys('sftp', (error, channel) => {
      if (error !== undefined) return end();
      channel.on('data', (chunk: Buffer) => {
        text = `${text}${chunk.toString('utf8')}`.slice(0, maxBytes);
        clearTimeout(quiet);
        quiet = setTimeout(end, quietMs);
      });
      channel.on('close', end);
    });
  });
}

function shown(text: string): string {
  const lines = text.replaceAll(/\p{Cc}+/gu, ' ').trim();
  return lines === '' ? 'an empty line' : `"${lines.slice(0, shownCharacters)}"`;
}
