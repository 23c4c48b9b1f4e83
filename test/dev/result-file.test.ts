import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { openResultFile } from '../../src/dev/result-file.ts';
import { folderTest as test } from '../support/folder-test.ts';

const entry = fileURLToPath(new URL('../../setup.mjs', import.meta.url));
const demo = fileURLToPath(new URL('../../src/dev/demo.ts', import.meta.url));

async function ended(args: readonly string[], env: Readonly<Record<string, string>>): Promise<object> {
  return promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } }).then(
    () => ({ code: 0 }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
  );
}

test('a result that cannot be written is refused before anything is seeded', async ({ folder }) => {
  const state = join(folder, 'state');
  const json = join(folder, 'absent', 'demo.json');
  expect(await ended([demo, '--json', json], { LIFEBOAT_DEMO_STATE: state })).toEqual({
    code: 2,
    stderr: expect.stringContaining(`--json: \`${json}\` cannot be written: ENOENT`),
  });
  expect(existsSync(state)).toBe(false);
});

test('set-up refuses it too, with a command, before it installs anything', async ({ folder }) => {
  const cache = join(folder, 'cache');
  const json = join(folder, 'absent', 'demo.json');
  expect(await ended([entry, 'demo', '--json', json], { LIFEBOAT_CACHE: cache })).toEqual({
    code: 1,
    stderr: `\nthe result cannot be written to ${json}: ENOENT\nget it with: mkdir -p ${join(folder, 'absent')}\n`,
  });
  expect(existsSync(cache)).toBe(false);
});

test('a demo that is killed leaves no good result of an earlier one', async ({ folder }) => {
  const json = join(folder, 'demo.json');
  await writeFile(json, JSON.stringify({ ok: true, probes: ['x'.repeat(1000)] }));
  const file = openResultFile({ json, jsonDescriptor: undefined }, 'the demo');
  expect(JSON.parse(await readFile(json, 'utf8'))).toEqual({ ok: false, error: 'the demo has not ended' });
  file?.write({ ok: true });
  expect(JSON.parse(await readFile(json, 'utf8'))).toEqual({ ok: true });
});
