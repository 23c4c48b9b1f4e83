import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { folderTest as test } from '../support/folder-test.ts';

const entry = fileURLToPath(new URL('../../setup.mjs', import.meta.url));
const program = new URL('../../setup/program.mjs', import.meta.url).href;

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
  const run = `import { runProgram } from '${program}'; process.exitCode = await runProgram(${JSON.stringify(setup)}, ['script.mjs']);`;
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

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s reaches the program, and its clean end is waited for',
  async (name, { folder }) => {
    const script = `
    process.on('${name}', () => setTimeout(() => { console.log('cleaned up'); process.exit(130); }, 50));
    setInterval(() => {}, 1000);
    console.log('ready');`;
    const { child, exited } = await startAsProgram(folder, script);
    await once(child.stdout, 'data');
    child.kill(name);
    expect(await exited).toEqual({ code: 130, output: 'ready\ncleaned up\n' });
  },
);

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
