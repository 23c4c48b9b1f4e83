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
        refuseLost(name, await transport.sendMail({ from: sender, to: [...to], ...letterOf(notification, sender) }));
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof LifeboatError) throw error;
        throw new LifeboatError('NotifyFailed', `the channel \`${name}\` did not take the message: ${reasonOf(error)}`);
      } finally {
        signal.removeEventListener('abort', stop);
        transport.close();
      }
    },
  };
}

interface Taken {
  readonly rejected: readonly unknown[];
  readonly rejectedErrors?: readonly {
    readonly recipient?: string;
    readonly response?: string;
    readonly responseCode?: number;
  }[];
}

/**
 * The server took the message for some of those who are named only: nodemailer fails where it took it for nobody. What it
 * refuses for good would be sent again and again to all others.
 */
function refuseLost(name: string, { rejected, rejectedErrors = [] }: Taken): void {
  if (rejected.length === 0) return;
  const why = rejectedErrors.map(({ recipient, response }) => `${recipient}: ${response}`).join('; ');
  const isForGood = rejectedErrors.every(({ responseCode = 0 }) => responseCode >= 500);
  throw new LifeboatError(
    isForGood ? 'Precondition' : 'NotifyFailed',
    `the channel \`${name}\` did not take the message for ${rejected.length} of its recipients: ${why}`,
    { hint: `the others have it; correct \`to\` of \`notify.channels.${name}\`, then \`lifeboat doctor --send-test\`` },
  );
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
