/**
 * A socket that reads into memory which is used again and again. A base backup is gigabytes: with a new buffer for every
 * read the garbage collector takes a fifth of all processor time.
 */
import { Socket } from 'node:net';

/** More than the kernel hands over at once on a loopback connection. */
const bufferBytes = 256 * 1024;

/** Gets a piece of memory that stays as it is until `done` is called. */
export type TakeBytes = (bytes: Buffer, done: () => void) => void;

export class ReusingSocket extends Socket {
  readonly #buffers: ReadBuffers;

  constructor() {
    const buffers = new ReadBuffers();
    super({
      onread: {
        buffer: () => buffers.next(),
        callback: (size: number) => {
          buffers.arrived(size, (bytes) => this.emit('data', bytes));
          return true;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
    this.#buffers = buffers;
  }

  takeOver(take: TakeBytes): void {
    this.#buffers.take = take;
  }
}

/**
 * From now on everything that the stream reads goes to `take`. Gives back the way to those who listened until now.
 * Memory is used again only where the stream is a ReusingSocket.
 */
export function takeOver(stream: Socket, take: TakeBytes): (bytes: Buffer) => void {
  const listeners = stream.listeners('data');
  if (stream instanceof ReusingSocket) {
    stream.takeOver(take);
  } else {
    stream.removeAllListeners('data');
    stream.on('data', (bytes: Buffer) => take(bytes, () => {}));
  }
  return (bytes) => listeners.forEach((listener) => void listener.call(stream, bytes));
}

class ReadBuffers {
  take: TakeBytes | undefined;
  readonly #free: Buffer[] = [];
  #current: Buffer | undefined;

  next(): Buffer {
    this.#current ??= this.#free.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
    return this.#current;
  }

  arrived(size: number, emit: (bytes: Buffer) => void): void {
    const buffer = this.#current;
    if (buffer === undefined) return;
    // A listener may keep what it gets, as pg's parser keeps the begin of a message.
    if (this.take === undefined) return emit(Buffer.from(buffer.subarray(0, size)));
    this.#current = undefined;
    this.take(buffer.subarray(0, size), () => this.#free.push(buffer));
  }
}
