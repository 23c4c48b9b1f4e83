import { readFile, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rebuildVectorstore } from '../../../src/drivers/vectorstore/rebuild.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { configOf, writeStore, type StoreOptions } from './store.ts';

const script = fileURLToPath(new URL('rebuild-child.ts', import.meta.url));
let folder: TemporaryFolder;
let number = 0;
beforeAll(async () => void (folder = await temporaryFolder('rebuild')));
afterAll(async () => folder.remove());

/** A store that is a day old. */
async function oldStore(): Promise<string> {
  const path = join(folder.path, String((number += 1)));
  await writeStore(path, { vectors: 300 });
  const yesterday = new Date(Date.now() - 86_400_000);
  for (const name of ['faiss_index.faiss', 'faiss_index.pkl', 'metadata.json'])
    await utimes(join(path, name), yesterday, yesterday);
  return path;
}

const building = (path: string, options: StoreOptions): string[] => [
  process.execPath,
  '--no-warnings',
  script,
  path,
  JSON.stringify(options),
];

async function rebuild(path: string, command: string[], signal = new AbortController().signal, timeoutSeconds = 30) {
  const config = configOf(path, { rebuild: { command, timeoutSeconds } });
  return rebuildVectorstore(config, { since: new Date(), signal }, []);
}

describe('a vector store that the application builds anew', () => {
  test('D6.6: is proven when the command has ended, and counted', async () => {
    const path = await oldStore();
    const before = await readFile(join(path, 'faiss_index.faiss'));
    const { documents, safetyCopy = '' } = await rebuild(path, building(path, { vectors: 40 }));
    expect(documents).toBe(40);
    expect(await readFile(join(safetyCopy, 'faiss_index.faiss')), 'what was there is kept').toEqual(before);
    expect(safetyCopy.startsWith(`${path}.before-rebuild-`)).toBe(true);
  });

  test('a second attempt keeps what was there before the first', async () => {
    const path = await oldStore();
    const before = await readFile(join(path, 'metadata.json'), 'utf8');
    const since = new Date();
    const config = configOf(path, { rebuild: { command: building(path, { vectors: 9 }), timeoutSeconds: 30 } });
    const signal = new AbortController().signal;
    await rebuildVectorstore(config, { since, signal }, []);
    const { safetyCopy = '' } = await rebuildVectorstore(config, { since, signal }, []);
    expect(await readFile(join(safetyCopy, 'metadata.json'), 'utf8')).toBe(before);
  });

  test('behind a link the store itself is kept', async () => {
    const path = await oldStore();
    const link = join(folder.path, `link-${number}`);
    await symlink(path, link);
    const before = await readFile(join(path, 'metadata.json'), 'utf8');
    const { safetyCopy = '' } = await rebuild(link, building(path, { vectors: 5 }));
    expect(await readFile(join(safetyCopy, 'metadata.json'), 'utf8')).toBe(before);
  });

  test('may not have been there before', async () => {
    const path = join(folder.path, 'lost');
    expect(await rebuild(path, building(path, { vectors: 12 }))).toEqual({ documents: 12 });
  });

  test('a command that fails is told with its last line, without its arguments', async () => {
    const path = await oldStore();
    const command = ['sh', '-c', 'echo first; echo 401 Unauthorized >&2; exit 22', 'token-in-arguments'];
    const failing = rebuild(path, command);
    await expect(failing).rejects.toMatchObject({
      code: 'EngineFailed',
      message: expect.stringMatching(
        /^the rebuild command of vectorstore \(sh\) failed: exit code 22; 401 Unauthorized; what it held before lies in \S+before-rebuild/,
      ) as string,
    });
    await expect(rebuild(path, ['no-such-program'])).rejects.toMatchObject({
      code: 'EngineFailed',
      message: expect.stringContaining('`no-such-program` is in no folder of PATH') as string,
    });
  });

  test('a command that does not end is ended, in time or on a cancel', async () => {
    const path = await oldStore();
    await expect(rebuild(path, ['sleep', '60'], undefined, 0.3)).rejects.toMatchObject({
      message: expect.stringContaining('no end within 0.3 s') as string,
    });
    // With what a script has started, which holds its output.
    const file = join(folder.path, `pid-${number}`);
    const control = new AbortController();
    const running = rebuild(path, ['sh', '-c', `sleep 60 & echo $! > ${file}; wait`], control.signal);
    running.catch(() => undefined);
    await expect.poll(async () => readFile(file, 'utf8').catch(() => '')).toMatch(/\d\n/);
    control.abort();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    const pid = Number(await readFile(file, 'utf8'));
    await expect.poll(async () => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'Z')).toMatch(/Z/);
  });

  test.each<[string, StoreOptions | undefined, RegExp]>([
    ['nothing new', undefined, /no index below .* is new/],
    ['an index of another model', { embeddingModel: 'other' }, /embedded by `other`/],
    ['files that do not agree', { documentCount: 3 }, /holds 200 vectors, metadata.json says 3/],
    ['an empty index', { vectors: 0 }, /holds no vector/],
  ])('%s is no store that was built', async (_what, options, message) => {
    const path = await oldStore();
    const command = options === undefined ? ['true'] : building(path, options);
    await expect(rebuild(path, command)).rejects.toMatchObject({
      code: 'ValidationFailed',
      message: expect.stringMatching(message) as string,
    });
  });

  test('where nobody said how, that is asked for', async () => {
    const config = configOf(folder.path);
    const context = { since: new Date(), signal: new AbortController().signal };
    await expect(rebuildVectorstore(config, context, [])).rejects.toMatchObject({
      code: 'Precondition',
      hint: expect.stringContaining('rebuild: { command:') as string,
    });
  });
});
