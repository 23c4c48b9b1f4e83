/**
 * A snapshot over the wire: asks for a full synchronisation like a replica, writes the dump that comes to a file and
 * hangs up. For a server whose disk this host cannot see.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { LifeboatError } from '../../domain/errors.ts';
import { commandHint, refusalOf } from './commands.ts';
import { certificateError, describeEndpoint, engineError, type Endpoint } from './connection.ts';
import { DumpFraming } from './dump-framing.ts';

/** The server answers with blank lines while it saves; silence of this length means that it is gone. */
const silenceMs = 120_000;

export interface ReceivedDump {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  readonly from: Date;
  readonly until: Date;
}

/** The caller closes the handle and removes the file. EngineUnavailable, AuthFailed, PermissionDenied (a service that forbids it). */
export async function receiveDump(endpoint: Endpoint, path: string, signal: AbortSignal): Promise<ReceivedDump> {
  const handle = await open(path, 'wx+', 0o600);
  const socket = openSocket(endpoint);
  const abort = (): void => void socket.destroy(new Error('aborted'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    const from = new Date();
    const framing = new DumpFraming();
    const chunks = socket.iterator({ destroyOnReturn: false });
    const more = async (): Promise<boolean> => {
      const { value, done } = await chunks.next();
      if (done !== true) framing.add(value as Buffer);
      return done !== true;
    };
    await handshake({ socket, framing, more, endpoint });
    const sizeBytes = await receive({ handle, framing, more, endpoint });
    return { handle, sizeBytes, from, until: new Date() };
  } catch (error) {
    await handle.close();
    signal.throwIfAborted();
    throw asEngineError(error, endpoint);
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

function openSocket({ where, tls }: Endpoint): Socket {
  const place = 'socket' in where ? { path: where.socket } : { port: where.port, host: where.hostname };
  const socket = tls === undefined ? connect(place) : connectTls({ ...tls, ...place });
  socket.setTimeout(silenceMs, () => socket.destroy(new Error(`silent for ${silenceMs / 1000} s`)));
  return socket;
}

interface Stream {
  readonly endpoint: Endpoint;
  readonly framing: DumpFraming;
  /** Waits for the next bytes; false at the end. */
  readonly more: () => Promise<boolean>;
}

/** Each command waits for its answer; what follows the last one is the dump's. */
async function handshake({ socket, framing, more, endpoint }: Stream & { readonly socket: Socket }): Promise<void> {
  const { username, password } = endpoint;
  const commands: string[][] = [];
  if (password !== undefined) commands.push(username === undefined ? ['AUTH', password] : ['AUTH', username, password]);
  // `eof`: a server without a disk may send without knowing the size.
  commands.push(
    ['REPLCONF', 'listening-port', '0'],
    ['REPLCONF', 'capa', 'eof', 'capa', 'psync2'],
    ['PSYNC', '?', '-1'],
  );
  for (const command of commands) {
    socket.write(
      `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`,
    );
    const answer = await answerLine(framing, more);
    if (answer.startsWith('-') && command[0] !== 'REPLCONF') throw refused(command[0] ?? '', answer, endpoint);
    if (command[0] === 'PSYNC' && !answer.startsWith('+FULLRESYNC')) throw refused('PSYNC', answer, endpoint);
  }
}

/** Blank lines are keepalives. */
async function answerLine(framing: DumpFraming, more: Stream['more']): Promise<string> {
  for (;;) {
    const line = framing.takeLine();
    if (line !== undefined && line !== '') return line;
    if (line === undefined && !(await more())) throw new Error('hung up');
  }
}

function refused(command: string, answer: string, endpoint: Endpoint): LifeboatError {
  const isKnown = command === 'AUTH' || /^-(?:NOAUTH|WRONGPASS|LOADING)|unknown command/.test(answer);
  if (isKnown || (command !== 'PSYNC' && refusalOf(answer) !== undefined)) return engineError(answer, endpoint);
  const right =
    refusalOf(answer) === undefined ? '' : `${commandHint({ command, why: 'forbidden' }, endpoint.username)}; or `;
  return new LifeboatError(
    'PermissionDenied',
    `Redis at ${describeEndpoint(endpoint)} does not give its snapshot: ${answer}`,
    {
      component: endpoint.component,
      hint: `${right}its service forbids replication: run a worker on its host, or use the service's own backups`,
    },
  );
}

async function receive({ handle, framing, more, endpoint }: Stream & { readonly handle: FileHandle }): Promise<number> {
  let written = 0;
  do {
    for (let part = framing.takeDump(); part.length > 0; part = framing.takeDump()) {
      await handle.write(part, 0, part.length, written);
      written += part.length;
    }
    if (framing.isComplete) return written;
  } while (await more());
  throw new LifeboatError(
    'EngineUnavailable',
    `Redis at ${describeEndpoint(endpoint)} broke off its snapshot after ${written} bytes`,
    { component: endpoint.component },
  );
}

function asEngineError(error: unknown, endpoint: Endpoint): unknown {
  if (error instanceof LifeboatError) return error;
  const refused = certificateError(error as Error, endpoint);
  if (refused !== undefined) return refused;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC')
    return new LifeboatError('NoSpace', 'no room to receive the snapshot', {
      component: endpoint.component,
      cause: error,
    });
  return new LifeboatError('EngineUnavailable', `Redis at ${describeEndpoint(endpoint)}: ${code ?? message}`, {
    component: endpoint.component,
  });
}
