/** What a library's own timer throws where nobody catches it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const source = (path: string): string => JSON.stringify(new URL(`../../src/cli/${path}`, import.meta.url).href);

async function run(script: string, env: Readonly<Record<string, string>> = {}) {
  const preamble = `
    const { endOnUncaught } = await import(${source('uncaught.ts')});
    const { onInterrupt } = await import(${source('interrupt.ts')});
    const outcomeIsKnown = endOnUncaught();`;
  const args = ['--input-type=module', '-e', `${preamble}\n${script}`];
  const { PATH = '' } = process.env;
  return promisify(execFile)(process.execPath, args, { env: { PATH, ...env } }).then(
    ({ stderr }) => ({ code: 0, stderr }),
    ({ code, stderr }: { readonly code: number; readonly stderr: string }) => ({ code, stderr }),
  );
}

const thrown = `setTimeout(() => { throw new Error('Channel has been shut down'); }, 20);`;
const rejected = `setTimeout(() => { void Promise.reject(new Error('Channel has been shut down')); }, 20);`;
const said = 'error: Channel has been shut down\n  hint: set LIFEBOAT_DEBUG=1 to see where\n';
const alive = 'setInterval(() => {}, 1000);';

test.each([
  ['an error', thrown],
  ['a rejection', rejected],
])('%s in the middle ends the process with 1, names what goes on, and shows no stack trace', async (_, fault) => {
  expect(await run(`onInterrupt(() => console.error('the run goes on')); ${alive} ${fault}`)).toEqual({
    code: 1,
    stderr: `${said}the run goes on\n`,
  });
});

test.each([
  ['an error', thrown],
  ['a rejection', rejected],
])('%s after the outcome is known leaves the exit code, and holds nothing up', async (_, fault) => {
  const script = `process.exitCode = 3; outcomeIsKnown(); ${alive} ${fault}`;
  expect(await run(script)).toEqual({ code: 3, stderr: '' });
  const { code, stderr } = await run(script, { LIFEBOAT_DEBUG: '1' });
  expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('    at ') as string });
});
