import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { runProgram } from '../../setup/program.mjs';
import { openResultFile } from '../../setup/result-file.mjs';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { folderTest as test } from '../support/folder-test.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const program = new URL('../../src/dev/result-file.ts', import.meta.url).href;

test('root’s demo leaves its result where only root may write, also where a file of root stands', async ({
  folder,
}) => {
  // As set-up does.
  process.umask(0o022);
  const user = { ...(await findOsUser(process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat')), switchTo: true };
  const state = join(folder, 'state');
  const closed = join(folder, 'closed');
  for (const path of [state, closed]) await mkdir(path, { mode: 0o700 });
  await chmod(folder, 0o755);
  const json = join(closed, 'demo.json');
  const script = join(folder, 'script.ts');
  await writeFile(
    script,
    `import { openResultFile } from '${program}';
     openResultFile({ json: '${json}', jsonDescriptor: 3 }, 'the demo').write({ ok: true, uid: process.getuid() });`,
  );
  for (const mode of [0o644, 0o600]) {
    const descriptors = [openResultFile(['--size', 'small', '--json', json], 'demo')];
    await chmod(json, mode);
    const setup = { node: process.execPath, checkout, user, state, cache: folder, found: {} };
    expect(await runProgram(setup, [script], { descriptors })).toBe(0);
    expect(JSON.parse(await readFile(json, 'utf8'))).toEqual({ ok: true, uid: user.uid });
    expect((await stat(json)).uid).toBe(0);
  }
});
