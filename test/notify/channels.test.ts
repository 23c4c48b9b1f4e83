import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { ChannelConfig, EmailConfig } from '../../src/domain/channel.ts';
import { isLifeboatError } from '../../src/domain/errors.ts';
import type { Notification } from '../../src/domain/notification.ts';
import { createNotifier } from '../../src/notify/notifier.ts';
import { makeCertificate } from '../support/certificate.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { httpReceiver, smtpReceiver, type HttpReceiver } from './receivers.ts';

const forever = new AbortController().signal;
const literal = (value: string) => ({ from: 'literal', value }) as const;

const message: Notification = {
  kind: 'fullBackup',
  severity: 'critical',
  appliance: 'shop',
  title: 'Backup of shop failed',
  text: 'Backup of shop failed: NoSpace: 2 GB are needed — „more“',
  run: 'fullBackup/shop/2026-11-22T02:00:00.000Z',
  dedupKey: 'fullBackup/shop/1/outcome',
};

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function receiver(statuses?: number[]): Promise<HttpReceiver> {
  const listening = await httpReceiver(statuses);
  open.push(listening);
  return listening;
}

async function deliver(channel: ChannelConfig, notification = message): Promise<void> {
  return createNotifier([channel]).deliver(channel.name, notification, forever);
}

/** Each kind that speaks HTTP, with secrets in all that is one. */
const httpKinds: Readonly<Record<string, (url: string) => ChannelConfig>> = {
  slack: (url) => ({ kind: 'slack', name: 'ops', from: 'info', url: literal(url) }),
  webhook: (url) => ({ kind: 'webhook', name: 'pager', from: 'info', url: literal(url), key: literal('canary-key') }),
  ntfy: (url) => ({
    kind: 'ntfy',
    name: 'phone',
    from: 'info',
    url,
    topic: literal('canary-topic'),
    token: literal('canary-tk'),
  }),
};

function hidesSecrets(error: unknown): void {
  expect(isLifeboatError(error, 'NotifyFailed')).toBe(true);
  const { message: text, stack, cause } = error as Error;
  expect(JSON.stringify([error, text, stack, cause])).not.toContain('canary');
}

describe.each(Object.keys(httpKinds))('%s', (kind) => {
  const channel = httpKinds[kind]!;

  test.each([500, 404, 429, 301, 302, 307])(
    'an answer of %d is a failure that hides what is secret',
    async (status) => {
      const { url } = await receiver([status]);
      const error: unknown = await deliver(channel(url)).catch((thrown: unknown) => thrown);
      hidesSecrets(error);
      expect((error as Error).message).toContain(String(status));
    },
  );

  test('a receiver that is not there is a failure that hides the address', async () => {
    hidesSecrets(await deliver(channel('http://127.0.0.1:1/canary')).catch((thrown: unknown) => thrown));
  });
});

test('D4.5: slack takes the shape of Slack, and the documents’ own words as they are', async () => {
  const { url, requests } = await receiver();
  const channel = httpKinds['slack']!(url);
  await deliver(channel);
  await deliver(channel, { ...message, text: 'Backup validation failed for 20240131_020000', run: '' });
  expect(requests.map(({ body }) => body)).toEqual([
    JSON.stringify({ text: `${message.text} (${message.run})` }),
    '{"text":"Backup validation failed for 20240131_020000"}',
  ]);
});

test('a webhook gets everything, with the signature that its receiver computes', async () => {
  const { url, requests } = await receiver();
  await deliver(httpKinds['webhook']!(url));
  const [{ headers, body }] = requests as [(typeof requests)[0]];
  expect(JSON.parse(body)).toEqual(message);
  const timestamp = String(headers['lifeboat-timestamp']);
  expect(Math.abs(Date.now() / 1000 - Number(timestamp))).toBeLessThan(600);
  const expected = createHmac('sha256', 'canary-key').update(`${timestamp}.${body}`).digest('hex');
  expect(headers['lifeboat-signature']).toBe(`v1=${expected}`);
  expect(headers['lifeboat-delivery']).toBe(message.dedupKey);
});

test('a webhook that is sent again after a failure is signed again', async () => {
  const { url, requests } = await receiver([503]);
  await expect(deliver(httpKinds['webhook']!(url))).rejects.toThrow();
  await deliver(httpKinds['webhook']!(url));
  expect(requests).toHaveLength(2);
  for (const { headers, body } of requests) {
    const timestamp = String(headers['lifeboat-timestamp']);
    const expected = createHmac('sha256', 'canary-key').update(`${timestamp}.${body}`).digest('hex');
    expect(headers['lifeboat-signature']).toBe(`v1=${expected}`);
  }
});

test('ntfy is told topic, priority and text as JSON, and who asks', async () => {
  const { url, requests } = await receiver();
  await deliver(httpKinds['ntfy']!(url));
  const [{ headers, body }] = requests as [(typeof requests)[0]];
  expect(headers.authorization).toBe('Bearer canary-tk');
  expect(JSON.parse(body)).toEqual({
    topic: 'canary-topic',
    title: message.title,
    message: `${message.text}\n${message.run}`,
    priority: 5,
  });
});

describe('email', () => {
  const config = (port: number, changes: Partial<EmailConfig> = {}): EmailConfig => ({
    kind: 'email',
    name: 'mail',
    from: 'info',
    host: '127.0.0.1',
    port,
    tls: 'none',
    user: 'lifeboat',
    password: literal('canary'),
    sender: 'lifeboat@example.org',
    to: ['ann@example.org', 'bo@example.org'],
    ...changes,
  });

  test('reaches all who are named, with the whole text', async () => {
    const server = await smtpReceiver();
    open.push(server);
    await deliver(config(server.port));
    const [letter] = server.letters;
    expect(letter).toMatchObject({ from: 'lifeboat@example.org', to: ['ann@example.org', 'bo@example.org'] });
    expect(letter?.text).toMatch(/^Subject: \[shop\] CRITICAL: Backup of shop failed\r$/m);
    expect(letter?.text).toMatch(/^Auto-Submitted: auto-generated\r$/im);
    const body = Buffer.from((letter?.text ?? '').replaceAll('=\r\n', ''), 'utf8').toString();
    expect(body).toContain('2 GB are needed');
    expect(body).toContain(message.run);
  });

  test('a title with a line break, or beyond ASCII, makes one subject line that is encoded', async () => {
    const server = await smtpReceiver();
    open.push(server);
    await deliver(config(server.port), { ...message, title: 'Backup für shop\r\nBcc: eve@example.org\nfailed' });
    const [{ text, to }] = server.letters as [(typeof server.letters)[0]];
    const [head = ''] = text.split('\r\n\r\n', 1);
    expect(to).toEqual(['ann@example.org', 'bo@example.org']);
    expect(head).not.toMatch(/^Bcc:/im);
    expect(head.match(/^Subject:/gim)).toHaveLength(1);
    expect(head).toMatch(/^[\x20-\x7e\r\n\t]*$/);
    expect(head).toContain('=?UTF-8?');
  });

  test('the same message has the same id, so that one that is sent twice shows once', async () => {
    const server = await smtpReceiver({ needsUser: false });
    open.push(server);
    const plain = config(server.port, { user: undefined, password: undefined });
    for (const dedupKey of ['a', 'a', 'b']) await deliver(plain, { ...message, dedupKey });
    const ids = server.letters.map(({ text }) => /^Message-ID: (.*)\r$/im.exec(text)?.[1]);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
  });

  test.each([
    [
      'for good',
      'nobody@example.org',
      { code: 'Precondition', message: expect.stringContaining('550 no such mailbox') },
    ],
    ['for now', 'later@example.org', { code: 'NotifyFailed', message: expect.stringContaining('450 come back later') }],
  ])('one of several recipients that is refused %s is told, with the reason', async (_what, address, failure) => {
    const server = await smtpReceiver();
    open.push(server);
    const sent = deliver(config(server.port, { to: ['ann@example.org', address] }));
    await expect(sent).rejects.toMatchObject({ ...failure, message: expect.stringContaining(address) as string });
    expect(server.letters).toMatchObject([{ to: ['ann@example.org'] }]);
  });

  test.each(['starttls', 'implicit'] as const)(
    'over %s, to a server whose certificate is trusted only',
    async (tls) => {
      const folder = await temporaryFolder('smtp');
      open.push({ close: async () => folder.remove() });
      const { cert, key } = await makeCertificate(folder.path, 'localhost');
      const certificate = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
      const server = await smtpReceiver({ certificate, isImplicit: tls === 'implicit' });
      open.push(server);
      const secured = config(server.port, { host: 'localhost', tls });
      hidesSecrets(await deliver(secured).catch((thrown: unknown) => thrown));
      expect(server.letters).toEqual([]);
      const trusted = getCACertificates('default');
      setDefaultCACertificates([...trusted, certificate.cert]);
      try {
        await deliver(secured);
      } finally {
        setDefaultCACertificates(trusted);
      }
      expect(server.letters).toHaveLength(1);
    },
  );

  test.each([
    ['a wrong password', { password: literal('canary-wrong') }],
    ['a recipient that the server does not know', { to: ['nobody@example.org'] }],
    ['TLS that the server does not offer', { tls: 'starttls' as const }],
    ['a server that is not there', { port: 1 }],
  ])('%s is a failure that is tried again and hides the password', async (_what, changes) => {
    const server = await smtpReceiver();
    open.push(server);
    hidesSecrets(await deliver(config(server.port, changes)).catch((thrown: unknown) => thrown));
    expect(server.letters).toEqual([]);
  });
});

test('a secret that cannot be read is a failure that is tried again: it may be corrected', async () => {
  const channel = { kind: 'slack', name: 'ops', from: 'info', url: { from: 'file', path: '/nowhere/url' } } as const;
  await expect(deliver(channel)).rejects.toMatchObject({ code: 'NotifyFailed' });
});

test('a channel hears what is as severe as it wants, and one that is gone says so', async () => {
  const at = (name: string, from: ChannelConfig['from']): ChannelConfig => ({
    kind: 'slack',
    name,
    from,
    url: literal('http://127.0.0.1:1/'),
  });
  const notifier = createNotifier([at('all', 'info'), at('some', 'warning'), at('few', 'critical')]);
  expect(notifier.channelsFor('info')).toEqual(['all']);
  expect(notifier.channelsFor('warning')).toEqual(['all', 'some']);
  expect(notifier.channelsFor('critical')).toEqual(['all', 'some', 'few']);
  await expect(notifier.deliver('gone', message, forever)).rejects.toMatchObject({ code: 'NotFound' });
});
