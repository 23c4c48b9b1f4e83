/** The ways to people. */
import { z } from 'zod';
import { severities } from '../../domain/notification.ts';
import { port, secret, url } from './scalars.ts';

const from = z
  .enum(severities)
  .default('info')
  .describe('the least severity that is told here: `info`, `warning` or `critical`');

const slack = z
  .strictObject({
    kind: z.literal('slack'),
    url: secret.describe('incoming webhook of Slack, or of what takes the same shape'),
    from,
  })
  .describe('Slack-shaped webhook');

const address = z.string().regex(/^[^@\s]+@[^@\s]+$/, { error: 'an email address' });

const email = z
  .strictObject({
    kind: z.literal('email'),
    host: z.string().min(1).describe('SMTP server'),
    port: port.default(587).describe('its port'),
    tls: z
      .enum(['implicit', 'starttls', 'none'])
      .default('starttls')
      .describe('`implicit` from the first byte (port 465), `starttls` after the greeting, `none` never'),
    user: z.string().min(1).optional().describe('whom the server knows; nobody where absent'),
    password: secret.optional().describe('of the user'),
    sender: address.describe('address of the sender'),
    to: z.array(address).min(1).describe('addresses of those who are told'),
    from,
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    error: 'given with `user` and `password` together',
  })
  .describe('email over SMTP');

const webhook = z
  .strictObject({
    kind: z.literal('webhook'),
    url: secret.describe('address that gets the whole notification as JSON'),
    key: secret.describe('shared key of the signature (HMAC-SHA-256 over time and body)'),
    from,
  })
  .describe('signed webhook');

const ntfy = z
  .strictObject({
    kind: z.literal('ntfy'),
    url: url.default('https://ntfy.sh').describe('the ntfy server'),
    topic: secret.describe('topic; who knows it may read along'),
    token: secret.optional().describe('access token of a topic that is kept'),
    from,
  })
  .describe('ntfy topic');

export const channel = z.discriminatedUnion('kind', [slack, email, webhook, ntfy]).describe('channel');
