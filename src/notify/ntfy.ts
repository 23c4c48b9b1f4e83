/** Publishes to a topic of ntfy (https://docs.ntfy.sh/publish/), as JSON: a title may have any characters there. */
import type { NtfyConfig } from '../domain/channel.ts';
import type { Severity } from '../domain/notification.ts';
import type { Channel } from './channel.ts';
import { post, secretOf } from './post.ts';

/** ntfy's priorities go from 1 to 5; 3 is its default, 5 rings through. */
const priorities: Readonly<Record<Severity, number>> = { info: 3, warning: 4, critical: 5 };

export function ntfyChannel({ name, url, topic, token }: NtfyConfig): Channel {
  return {
    deliver: async ({ severity, title, text, run }, signal) => {
      const headers: Record<string, string> =
        token === undefined ? {} : { authorization: `Bearer ${await secretOf(name, 'the token', token)}` };
      const body = JSON.stringify({
        topic: await secretOf(name, 'the topic', topic),
        title,
        message: run === '' ? text : `${text}\n${run}`,
        priority: priorities[severity],
      });
      await post({ channel: name, url, headers, body, signal });
    },
  };
}
