import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const length = '/tmp/lifeboat-cli-XXXXXX'.length;

/** A temporary folder whose path is of one length wherever the tests run: where lines break depends on it. */
export async function makeStageFolder(): Promise<string> {
  // The run's own folder: one in memory has a longer path.
  const parent = await realpath(process.env['LIFEBOAT_RUN']?.split(':').at(-1) || tmpdir());
  const prefix = 'lifeboat-cli-'.slice(0, Math.max(1, length - `${parent}/XXXXXX`.length));
  return mkdtemp(join(parent, prefix));
}
