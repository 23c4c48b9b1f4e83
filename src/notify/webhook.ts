/**
 * Posts the whole notification as JSON, signed, to another program. `lifeboat-timestamp` holds Unix seconds and
 * `lifeboat-signature` is `v1=` with the HMAC-SHA-256, in hex, of `<timestamp>.<body>` under the shared key. A receiver compares
 * both, refuses what is older than a few minutes, and knows a message that comes twice by `lifeboat-delivery`.
 */
import { createHmac } from 'node:crypto';
import type { WebhookConfig } from '../domain/channel.ts';
import type { Channel } from './channel.ts';
import { post, secretOf } from './post.ts';

export function webhookChannel({ name, url, key }: WebhookConfig): Channel {
  return {
    deliver: async (notification, signal) => {
      const [address, secret] = [await secretOf(name, 'the address', url), await secretOf(name, 'the key', key)];
      const body = JSON.stringify(notification);
      const timestamp = String(Math.floor(Date.now() / 1000));
      const headers = {
        'lifeboat-timestamp': timestamp,
        'lifeboat-signature': signatureOf(secret, timestamp, body),
        'lifeboat-delivery': notification.dedupKey,
      };
      await post({ channel: name, url: address, headers, body, signal });
    },
  };
}

function signatureOf(key: string, timestamp: string, body: string): string {
  return `v1=${createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex')}`;
}
