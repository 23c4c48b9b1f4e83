import { createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createHash } from 'node:crypto';
import { interrupted } from './interruption.mjs';

/** A host that is not reachable must cost a moment only; one that stops in the middle is given up as well. */
const answerSeconds = 5;
const stallSeconds = 30;

/** Downloads one file. Rejects when nobody answers, the body stalls, or its SHA-256 is not the expected one. */
export async function download(url, target, { sha256 } = {}) {
  const giveUp = new AbortController();
  const signal = AbortSignal.any([interrupted, giveUp.signal]);
  let timer = setTimeout(() => giveUp.abort(new Error(`no answer within ${answerSeconds} s`)), answerSeconds * 1000);
  const hash = createHash('sha256');
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const watch = new Transform({
      transform(chunk, _encoding, done) {
        clearTimeout(timer);
        timer = setTimeout(() => giveUp.abort(new Error(`no data for ${stallSeconds} s`)), stallSeconds * 1000);
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body), watch, createWriteStream(target), { signal });
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(giveUp.signal.reason ?? error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  const digest = hash.digest('hex');
  if (sha256 !== undefined && digest !== sha256) throw new Error(`${url}: SHA-256 is ${digest}, not ${sha256}`);
}

function reasonOf(error) {
  return error.cause?.code ?? error.cause?.message ?? error.message;
}
