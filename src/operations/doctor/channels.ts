/** Messages that `doctor` sends itself, where no run delivers them. */
import type { Finding } from '../../domain/finding.ts';
import { titleOf, type Notification } from '../../domain/notification.ts';
import type { Notifier } from '../../notify/notifier.ts';
import { findingOf } from './repository.ts';

/** Nobody else is there to try it again: each channel gets this long, and the next look tells it anew. */
const deliveryMs = 30_000;

/** What the watchdog found, over every channel; the first failure is thrown once all were tried. */
export async function tellOfWatchdog(notifier: Notifier, appliance: string, text: string): Promise<void> {
  const whole = `${appliance}, watchdog: ${text}`;
  const notification = messageOf('watchdog', appliance, whole, whole);
  const ended = await Promise.allSettled(
    notifier.channelsFor(notification.severity).map(async (channel) => deliver(notifier, channel, notification)),
  );
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
}

/** A finding for each channel. That there is none is already a warning of the configuration. */
export async function sendTestMessages(notifier: Notifier, appliance: string, now: Date): Promise<Finding[]> {
  const text = `Lifeboat doctor of ${appliance}: this is a test message`;
  const test = messageOf('doctor', appliance, text, `doctor/${appliance}/${now.toISOString()}`);
  return Promise.all(
    notifier.channelsFor(test.severity).map(async (channel): Promise<Finding> => {
      try {
        await deliver(notifier, channel, test);
        return { name: `channel ${channel}`, level: 'ok', text: 'took a test message' };
      } catch (error) {
        return findingOf(`channel ${channel}`, error);
      }
    }),
  );
}

async function deliver(notifier: Notifier, channel: string, notification: Notification): Promise<void> {
  await notifier.deliver(channel, notification, AbortSignal.timeout(deliveryMs));
}

function messageOf(kind: string, appliance: string, text: string, dedupKey: string): Notification {
  return { kind, severity: 'critical', appliance, title: titleOf(text), text, run: '', dedupKey };
}
