/** Real receivers: an HTTP server and an SMTP server, which answer as a test says. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface HttpReceiver {
  readonly url: string;
  readonly requests: { readonly headers: IncomingHttpHeaders; readonly body: string }[];
  close(): Promise<void>;
}

/** Answers each request with the next status, and with 200 after the last one; redirects lead to itself. The address holds a secret. */
export async function httpReceiver(statuses: number[] = []): Promise<HttpReceiver> {
  const requests: HttpReceiver['requests'] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      requests.push({ headers: request.headers, body });
      const status = statuses.shift() ?? 200;
      response.writeHead(status, status >= 300 && status < 400 ? { location: '/login' } : {}).end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/services/T0/canary-token`,
    requests,
    close: async () => new Promise((resolve) => server.close(() => resolve())),
  };
}

export interface SmtpReceiver {
  readonly port: number;
  readonly letters: { readonly from: string; readonly to: readonly string[]; readonly text: string }[];
  close(): Promise<void>;
}

export interface SmtpOptions {
  readonly needsUser?: boolean;
  /** PEM texts. Without them the server speaks no TLS. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** TLS from the first byte; else after STARTTLS. */
  readonly isImplicit?: boolean;
}

/**
 * Takes letters of the user `lifeboat` with the password `canary`; refuses recipients whose address begins with `nobody` for
 * good, and those that begin with `later` for now.
 */
export async function smtpReceiver({
  needsUser = true,
  certificate,
  isImplicit = false,
}: SmtpOptions = {}): Promise<SmtpReceiver> {
  const letters: SmtpReceiver['letters'] = [];
  const server = new SMTPServer({
    authOptional: !needsUser,
    allowInsecureAuth: true,
    ...(certificate === undefined ? { disabledCommands: ['STARTTLS'] } : { ...certificate, secure: isImplicit }),
    onAuth({ username, password }, _session, done) {
      if (username === 'lifeboat' && password === 'canary') done(null, { user: username });
      else done(new Error('535 who is that?'));
    },
    onRcptTo({ address }, _session, done) {
      if (address.startsWith('nobody')) done(Object.assign(new Error('no such mailbox'), { responseCode: 550 }));
      else if (address.startsWith('later')) done(Object.assign(new Error('come back later'), { responseCode: 450 }));
      else done();
    },
    onData(stream, { envelope }, done) {
      let text = '';
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        letters.push({ from, to: envelope.rcptTo.map(({ address }) => address), text });
        done();
      });
    },
  });
  // A client that does not trust the certificate hangs up.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return { port, letters, close: async () => new Promise((resolve) => server.close(() => resolve())) };
}
