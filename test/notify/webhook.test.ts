import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { isLifeboatError } from '../../src/domain/errors.ts';
import { createNotifier } from '../../src/notify/webhook.ts';

let server: Server | undefined;
afterEach(async () => {
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

/** A receiver that answers each call with the next status. */
async function receiver(statuses: number[]): Promise<{ url: string; bodies: string[] }> {
  const bodies: string[] = [];
  const listening = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.writeHead(statuses.shift() ?? 200).end('ok');
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}/services/T0/canary-token`, bodies };
}

const forever = new AbortController().signal;

describe('D4.5: the webhook', () => {
  test('takes the Slack shape', async () => {
    const { url, bodies } = await receiver([200]);
    await createNotifier({ from: 'literal', value: url }).post('Backup validation failed for 20240131_020000', forever);
    expect(bodies).toEqual(['{"text":"Backup validation failed for 20240131_020000"}']);
  });

  test.each([500, 404, 429])(
    'an answer of %d is a failure that is tried again, and hides the address',
    async (status) => {
      const { url } = await receiver([status]);
      const error: unknown = await createNotifier({ from: 'literal', value: url })
        .post('x', forever)
        .catch((thrown: unknown) => thrown);
      expect(isLifeboatError(error, 'NotifyFailed')).toBe(true);
      expect(String((error as Error).message)).toContain(String(status));
      expect(JSON.stringify([error, (error as Error).message, (error as Error).stack])).not.toContain('canary');
    },
  );

  test('a receiver that is not there is a failure that hides the address', async () => {
    const error: unknown = await createNotifier({ from: 'literal', value: 'http://127.0.0.1:1/canary' })
      .post('x', forever)
      .catch((thrown: unknown) => thrown);
    expect(isLifeboatError(error, 'NotifyFailed')).toBe(true);
    expect(JSON.stringify([error, (error as Error).message, (error as Error).cause])).not.toContain('canary');
  });

  test('an address that cannot be read is a failure that is tried again: it may be mended', async () => {
    await expect(createNotifier({ from: 'file', path: '/nowhere/webhook' }).post('x', forever)).rejects.toMatchObject({
      code: 'NotifyFailed',
      message: expect.stringContaining('/nowhere/webhook') as string,
    });
  });

  test('without a webhook nothing is sent and nothing fails', async () => {
    await expect(createNotifier(undefined).post('x', forever)).resolves.toBeUndefined();
  });
});
