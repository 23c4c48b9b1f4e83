/**
 * Child process that writes through the companion without pause: numbered rows and keys, and every few seconds a
 * numbered line into the index. Arguments: the companion's URL, the acknowledgement file, milliseconds between records
 * and between vectors. A refused write is tried again under the same number.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  appendAcknowledgement,
  openAcknowledgements,
  readAcknowledgements,
  type Acknowledgement,
} from './acknowledgements.ts';

const [url = '', path = '', recordEvery = '50', vectorEvery = '4000'] = process.argv.slice(2);
const requestTimeoutMs = 10_000;
/** Pause after a refused write: the companion is down or starting. */
const retryMs = 200;

let isStopping = false;
const stop = (): void => {
  isStopping = true;
};
process.once('SIGTERM', stop);
process.once('disconnect', stop);

const earlier = await readAcknowledgements(path);
const log = await openAcknowledgements(path);
await Promise.all([
  write('record', Number(recordEvery), (number) => ['/record', { number }]),
  write('vector', Number(vectorEvery), (number) => [
    '/vectors',
    { lines: [`traffic vector ${number}: a numbered line`] },
  ]),
]);
await log.close();
if (process.connected) process.disconnect?.();

async function write(
  kind: Acknowledgement['kind'],
  everyMs: number,
  makeRequest: (number: number) => [path: string, body: object],
): Promise<void> {
  let number = earlier.filter((acknowledgement) => acknowledgement.kind === kind).length + 1;
  while (!isStopping) {
    if (await send(...makeRequest(number))) {
      await appendAcknowledgement(log, { kind, number, at: new Date().toISOString() });
      number += 1;
      await pause(everyMs);
    } else {
      await pause(retryMs);
    }
  }
}

async function send(endpoint: string, body: object): Promise<boolean> {
  try {
    const response = await fetch(url + endpoint, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** Ends early when the traffic is to stop. */
async function pause(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0 && !isStopping; left -= 100) await delay(Math.min(left, 100));
}
