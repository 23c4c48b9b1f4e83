/** An HTTP request whose address is a secret: it never appears in an error. */
import { readSecret } from '../config/secrets.ts';
import type { SecretRef } from '../domain/secret-ref.ts';
import { LifeboatError } from '../domain/errors.ts';

const timeoutMs = 10_000;

export interface Posting {
  /** For errors. */
  readonly channel: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/**
 * Resolves on an answer of 2xx; NotifyFailed otherwise. A redirect is not followed: fetch would ask the other address with GET and
 * without the message, and the 200 of a login page would count as delivered.
 */
export async function post({ channel, url, headers, body, signal }: Posting): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
  } catch (error) {
    if (signal.aborted) throw error;
    // The cause is not kept: fetch puts the address, which is a secret, into it.
    const reason = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name;
    throw new LifeboatError('NotifyFailed', `the channel \`${channel}\` could not be reached: ${reason}`);
  }
  await response.body?.cancel();
  if (response.ok) return;
  const isRedirect = response.status >= 300 && response.status < 400;
  throw new LifeboatError(
    'NotifyFailed',
    `the channel \`${channel}\` answered ${response.status}`,
    isRedirect ? { hint: `it redirects: give \`notify.channels.${channel}\` the address that it redirects to` } : {},
  );
}

/** NotifyFailed where it cannot be read, so that it is tried again: the file or the variable may be corrected meanwhile. */
export async function secretOf(channel: string, what: string, ref: SecretRef): Promise<string> {
  try {
    return (await readSecret(ref)) ?? '';
  } catch (error) {
    throw new LifeboatError(
      'NotifyFailed',
      `${what} of the channel \`${channel}\` cannot be read: ${(error as Error).message}`,
    );
  }
}
