/** Posts to a Slack-shaped incoming webhook: `{"text": …}`. */
import type { SlackConfig } from '../domain/channel.ts';
import type { Channel } from './channel.ts';
import { post, secretOf } from './post.ts';

export function slackChannel({ name, url }: SlackConfig): Channel {
  return {
    deliver: async ({ text, run }, signal) => {
      const body = JSON.stringify({ text: run === '' ? text : `${text} (${run})` });
      await post({ channel: name, url: await secretOf(name, 'the address', url), headers: {}, body, signal });
    },
  };
}
