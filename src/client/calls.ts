/**
 * The calls of one connection to Temporal. A call that fails for a passing reason is tried again, by the SDK's own rules; what
 * is left when the connection closes ends first. The SDK's retries know no end: a timer of theirs that fires on a closed
 * connection throws where nobody catches.
 */
import { Connection, defaultGrpcRetryOptions, type ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Options = Parameters<Interceptor>[0];
type NextCall = Parameters<Interceptor>[1];
type Call = ReturnType<NextCall>;
type Metadata = Parameters<Call['start']>[0];
type Listener = NonNullable<Parameters<Call['start']>[1]>;
type Status = Parameters<NonNullable<Listener['onReceiveStatus']>>[0];

/**
 * A server that takes a call and never answers, as a stopped one does, holds nobody longer. No call of ours waits for as
 * long: the server itself ends its longest, which wait for a run's end or for an update, after 20 s.
 */
const callMs = 60_000;

/** gRPC's code for a call that its caller gave up. */
const cancelled = 1;

/** A connection whose `close` ends its calls first. It is connected, or closed again and the reason thrown. */
export async function openConnection(options: Omit<ConnectionOptions, 'interceptors'>): Promise<Connection> {
  const open = new Set<Call>();
  const connection = Connection.lazy({ ...options, interceptors: [interceptorFor(open)] });
  const close = connection.close.bind(connection);
  connection.close = async () => {
    for (const call of open) call.cancelWithStatus(cancelled, 'the connection is closed');
    await close();
  };
  try {
    await connection.ensureConnected();
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

function interceptorFor(open: Set<Call>): Interceptor {
  return (options, nextCall) => {
    const deadline = options.deadline ?? Date.now() + callMs;
    // The SDK's type is a class with private fields; gRPC asks for these methods.
    return persistentCall({ ...options, deadline }, nextCall, open) as ReturnType<Interceptor>;
  };
}

const { retryableDecider: isRetried, delayFunction: pauseBefore } = defaultGrpcRetryOptions();

/** One request and one answer, as all calls to Temporal are. */
function persistentCall(options: Options, nextCall: NextCall, open: Set<Call>): Call {
  let metadata: Metadata;
  let listener: Partial<Listener> = {};
  let request: unknown;
  let attempts = 0;
  let isCancelled = false;
  let running: Call | undefined;
  /** The wait before the next attempt, with what the last one ended with. */
  let pause: { readonly timer: NodeJS.Timeout; readonly last: Status } | undefined;

  const end = (status: Status, answer: unknown): void => {
    open.delete(call);
    listener.onReceiveMessage?.(answer);
    listener.onReceiveStatus?.(status);
  };
  const attempt = (): void => {
    let answer: unknown = null;
    attempts += 1;
    pause = undefined;
    running = nextCall(options);
    running.start(metadata, {
      onReceiveMetadata: (received) => listener.onReceiveMetadata?.(received),
      onReceiveMessage: (message: unknown) => void (answer = message),
      onReceiveStatus: (status) => {
        if (isCancelled || !isRetried(attempts, status)) end(status, answer);
        else pause = { timer: setTimeout(attempt, pauseBefore(attempts, status)), last: status };
      },
    });
    running.sendMessage(request);
    running.halfClose();
  };
  const call: Call = {
    start: (given, to = {}) => {
      metadata = given;
      listener = to;
    },
    sendMessage: (message: unknown) => void (request = message),
    sendMessageWithContext: (_context, message: unknown) => void (request = message),
    startRead: () => undefined,
    halfClose: () => {
      open.add(call);
      attempt();
    },
    cancelWithStatus: (code, details) => {
      isCancelled = true;
      if (pause === undefined) running?.cancelWithStatus(code, details);
      else {
        clearTimeout(pause.timer);
        end({ ...pause.last, code, details }, null);
      }
    },
    getPeer: () => running?.getPeer() ?? 'unknown',
    getAuthContext: () => running?.getAuthContext() ?? null,
  };
  return call;
}
