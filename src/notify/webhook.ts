/** Posts messages to a Slack-shaped incoming webhook: `{"text": …}`. The URL is a secret and never appears in errors. */
import type { SecretRef } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import { readSecret } from '../config/secrets.ts';

const timeoutMs = 10_000;

export interface Notifier {
  /** Resolves when the receiver answered 2xx; NotifyFailed otherwise. Without a configured webhook it resolves at once. */
  readonly post: (text: string, signal: AbortSignal) => Promise<void>;
  readonly configured: boolean;
}

export function createNotifier(webhook: SecretRef | undefined): Notifier {
  return {
    configured: webhook !== undefined,
    post: async (text, signal) => {
      const url = await readSecret(webhook).catch((error: unknown) => {
        // Tried again until it is delivered: the file or the variable may be mended meanwhile.
        throw new LifeboatError('NotifyFailed', `the webhook's address cannot be read: ${(error as Error).message}`);
      });
      if (url === undefined) return;
      await send(url, text, signal);
    },
  };
}

async function send(url: string, text: string, signal: AbortSignal): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
  } catch (error) {
    if (signal.aborted) throw error;
    // The cause is not kept: fetch puts the address, which is a secret, into it.
    const reason = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name;
    throw new LifeboatError('NotifyFailed', `the webhook could not be reached: ${reason}`);
  }
  await response.body?.cancel();
  if (!response.ok) throw new LifeboatError('NotifyFailed', `the webhook answered ${response.status}`);
}
