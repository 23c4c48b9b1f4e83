/** Sends a plain text message over SMTP, through nodemailer. */
import { createHash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type { EmailConfig } from '../domain/channel.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { Notification } from '../domain/notification.ts';
import type { Channel } from './channel.ts';
import { secretOf } from './post.ts';

const timeoutMs = 30_000;

export function emailChannel(config: EmailConfig): Channel {
  const { name, sender, to } = config;
  return {
    deliver: async (notification, signal) => {
      const transport = createTransport(await optionsOf(config));
      const stop = (): void => transport.close();
      signal.addEventListener('abort', stop);
      try {
        await transport.sendMail({ from: sender, to: [...to], ...letterOf(notification, sender) });
      } catch (error) {
        signal.throwIfAborted();
        throw new LifeboatError('NotifyFailed', `the channel \`${name}\` did not take the message: ${reasonOf(error)}`);
      } finally {
        signal.removeEventListener('abort', stop);
        transport.close();
      }
    },
  };
}

async function optionsOf({ name, host, port, tls, user, password }: EmailConfig) {
  return {
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(user === undefined || password === undefined
      ? {}
      : { auth: { user, pass: await secretOf(name, 'the password', password) } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  };
}

function letterOf({ severity, appliance, title, text, run, dedupKey }: Notification, sender: string) {
  const domain = sender.replace(/^.*@/, '').replace(/[^\w.-].*$/, '') || 'lifeboat.invalid';
  return {
    subject: `[${appliance}] ${severity === 'info' ? '' : `${severity.toUpperCase()}: `}${title}`,
    text: run === '' ? text : `${text}\n\n${run}`,
    // The same message has the same id, so that one that is sent twice shows once.
    messageId: `<${createHash('sha256')
      .update(dedupKey === '' ? text : dedupKey)
      .digest('hex')
      .slice(0, 32)}@${domain}>`,
    // No robot answers it.
    headers: { 'auto-submitted': 'auto-generated' },
    ...(severity === 'critical' ? { priority: 'high' as const } : {}),
  };
}

/** What the server answered, or why it was not reached. */
function reasonOf(error: unknown): string {
  const { code, response, message } = error as { code?: string; response?: string; message?: string };
  return response ?? code ?? message ?? String(error);
}
