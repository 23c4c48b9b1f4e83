import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { folderTest as test } from '../support/folder-test.ts';

const entry = fileURLToPath(new URL('../../setup.mjs', import.meta.url));
const program = new URL('../../setup/program.mjs', import.meta.url).href;
const interruption = new URL('../../setup/interruption.mjs', import.meta.url).href;

/** Starts `script` as set-up would start the demo, in a process that we can signal. */
async function startAsProgram(folder: string, script: string) {
  await writeFile(join(folder, 'script.mjs'), script);
  const setup = {
    node: process.execPath,
    checkout: folder,
    user: { switchTo: false, name: 'me' },
    state: folder,
    cache: folder,
    found: {},
  };
  const run = `import { catchSignals } from '${interruption}'; import { runProgram } from '${program}'; catchSignals();
    process.exitCode = await runProgram(${JSON.stringify(setup)}, ['script.mjs']).catch((error) => error.exitCode);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', run], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = once(child, 'close').then(([code]) => ({ code: code as number | null, output }));
  return { child, exited };
}

test('the exit code of the program is the exit code of the command', async ({ folder }) => {
  const { exited } = await startAsProgram(folder, `console.log(process.env.LIFEBOAT_STATE); process.exit(7);`);
  expect(await exited).toEqual({ code: 7, output: `${folder}\n` });
});

test.for([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)(
  '%s reaches the program once, its clean end is waited for, and the exit code is %i',
  async ([name, code], { folder }) => {
    const script = `
    process.on('${name}', () => setTimeout(() => { console.log('cleaned up'); process.exit(1); }, 50));
    setInterval(() => {}, 1000);
    console.log('ready');`;
    const { child, exited } = await startAsProgram(folder, script);
    await once(child.stdout, 'data');
    // As a terminal and npm do, one after the other.
    child.kill(name);
    child.kill(name);
    expect(await exited).toEqual({ code, output: 'ready\ncleaned up\n' });
  },
);

test('a program that does not end by itself is killed', async ({ folder }) => {
  const script = `process.on('SIGINT', () => {}); setInterval(() => {}, 1000); console.log('ready');`;
  const { child, exited } = await startAsProgram(folder, script);
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  expect(await exited).toEqual({ code: 130, output: 'ready\n' });
});

test('an unknown task says the command, and installs nothing', async ({ folder }) => {
  const child = spawn(process.execPath, [entry, 'tset'], {
    env: { ...process.env, LIFEBOAT_CACHE: join(folder, 'cache') },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = await once(child, 'close');
  expect({ code, errors }).toEqual({
    code: 1,
    errors: '\nunknown task `tset`\nget it with: node setup.mjs demo|test|bench\n',
  });
});
