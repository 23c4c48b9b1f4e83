/** A relay on loopback before a server: a test cuts it, and repairs it, and both ends see what a dead server looks like. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Relay {
  readonly address: string;
  /** Pieces of answers that have passed so far. */
  readonly answered: () => number;
  /** Called with the number of the piece before it passes; it passes unless the relay was cut meanwhile. */
  onAnswer: (number: number) => void;
  /** Every connection ends, and a further one is refused. */
  cut(): void;
  /** Connections stay, and nothing comes any more: a server that is stopped. */
  hush(): void;
  /** As before, at the same address. */
  repair(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRelay(target: string): Promise<Relay> {
  const [host = '', port = ''] = target.split(':');
  const open = new Set<Socket>();
  let answered = 0;
  let isSilent = false;
  const server = createServer((socket) => {
    const behind = connect(Number(port), host);
    const end = (): void => {
      for (const each of [socket, behind]) {
        open.delete(each);
        each.destroy();
      }
    };
    for (const each of [socket, behind]) {
      open.add(each);
      each.on('error', end).on('close', end);
    }
    socket.pipe(behind);
    behind.on('data', (piece) => {
      answered += 1;
      relay.onAnswer(answered);
      if (!isSilent) socket.write(piece);
    });
  });
  const listen = async (at: number): Promise<void> => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  const cut = (): void => {
    isSilent = true;
    server.close();
    for (const socket of open) socket.destroy();
  };
  const relay: Relay = {
    address: `127.0.0.1:${own}`,
    answered: () => answered,
    onAnswer: () => undefined,
    cut,
    hush: () => void (isSilent = true),
    repair: async () => {
      isSilent = false;
      if (!server.listening) await listen(own);
    },
    stop: async () => {
      if (server.listening) cut();
    },
  };
  return relay;
}
