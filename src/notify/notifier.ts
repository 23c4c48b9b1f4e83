/** Tells people, over every configured channel. Addresses and keys are secrets and never appear in errors. */
import type { ChannelConfig } from '../domain/channel.ts';
import { LifeboatError } from '../domain/errors.ts';
import { isAtLeast, type Notification, type Severity } from '../domain/notification.ts';
import type { Channel } from './channel.ts';

export interface Notifier {
  /** Names of the channels that want a message of this severity. */
  readonly channelsFor: (severity: Severity) => string[];
  /** NotFound for a channel that is not configured any more; NotifyFailed where it did not take the message. */
  readonly deliver: (channel: string, notification: Notification, signal: AbortSignal) => Promise<void>;
}

export function createNotifier(channels: readonly ChannelConfig[]): Notifier {
  return {
    channelsFor: (severity) => channels.filter(({ from }) => isAtLeast(severity, from)).map(({ name }) => name),
    deliver: async (name, notification, signal) => {
      const config = channels.find((each) => each.name === name);
      if (config === undefined)
        throw new LifeboatError('NotFound', `there is no channel \`${name}\` any more; the message was not delivered`, {
          hint: `notify.channels has ${channels.map((each) => each.name).join(', ') || 'none'}`,
        });
      const channel = await channelOf(config);
      await channel.deliver(notification, signal);
    },
  };
}

/** Loaded when it is used: most processes tell nobody. */
async function channelOf(config: ChannelConfig): Promise<Channel> {
  switch (config.kind) {
    case 'slack':
      return (await import('./slack.ts')).slackChannel(config);
    case 'email':
      return (await import('./email.ts')).emailChannel(config);
    case 'webhook':
      return (await import('./webhook.ts')).webhookChannel(config);
    case 'ntfy':
      return (await import('./ntfy.ts')).ntfyChannel(config);
  }
}
