/** What drivers may rely on, on every platform. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import { folderTest } from '../support/folder-test.ts';
import type { EngineServer, Target } from '../../src/platform/target.ts';
import { waitFor } from '../support/wait-for.ts';

const component = 'db';

export function targetContract(create: () => Target): void {
  const test = folderTest.extend<{ readonly target: Target }>({
    // oxlint-disable-next-line no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none.
    target: async ({}, use) => use(create()),
  });

  test('tells the version of a program that is there, and nothing of one that is not', async ({ folder, target }) => {
    const text = join(folder, 'no-program');
    await writeFile(text, 'v1');
    expect(await target.versionOf(component, process.execPath)).toBe(process.version);
    for (const program of ['/nowhere/at-all', text, folder])
      expect(await target.versionOf(component, program)).toBeUndefined();
  });

  test('runs a tool to its end: exit code, both outputs, its name; a failure does not throw', async ({ target }) => {
    const script = `console.log(process.argv0, process.env.LIFEBOAT_CANARY, process.env.WANTED); console.error('told'); process.exit(3)`;
    vi.stubEnv('LIFEBOAT_CANARY', 'canary');
    onTestFinished(() => void vi.unstubAllEnvs());
    const run = { command: [process.execPath, '-e', script], argv0: 'checker', env: { WANTED: 'yes' } } as const;
    expect(await target.runTool(component, run)).toEqual({
      exitCode: 3,
      stdout: 'checker undefined yes\n',
      stderr: 'told\n',
    });
    expect(await target.runTool(component, { command: ['/nowhere/at-all'] })).toMatchObject({ exitCode: 127 });
  });

  test('an engine runs until it is ended, and its end is told with its log', async ({ folder, target }) => {
    const server = (script: string): EngineServer => ({
      command: [process.execPath, '-e', script],
      cwd: folder,
      lastSignal: 'KILL',
      logFile: join(folder, 'log'),
    });
    const engine = await target.runEngine(component, server(`console.log('begun'); setInterval(() => {}, 1000)`));
    await waitFor(async () => expect(await readFile(join(folder, 'log'), 'utf8')).toBe('begun\n'));
    expect(engine.ended()).toBeUndefined();
    engine.kill('SIGKILL');
    expect(await engine.exited).toEqual({ exitCode: null, how: 'SIGKILL' });
    engine.kill('SIGKILL');
    const failing = await target.runEngine(component, server(`console.error('no room'); process.exit(7)`));
    expect(await failing.exited).toEqual({ exitCode: 7, how: '7' });
    expect(failing.ended()).toEqual({ exitCode: 7, how: '7' });
    expect(await readFile(join(folder, 'log'), 'utf8')).toBe('no room\n');
  });

  test('a link in the place of the log leads nowhere', async ({ folder, target }) => {
    const other = join(folder, 'other');
    await writeFile(other, 'of somebody else');
    await symlink(other, join(folder, 'log'));
    const command = [process.execPath, '-e', `console.log('own')`] as const;
    const engine = await target.runEngine(component, {
      command,
      cwd: folder,
      lastSignal: 'KILL',
      logFile: join(folder, 'log'),
    });
    await engine.exited;
    expect(await readFile(other, 'utf8')).toBe('of somebody else');
    expect(await readFile(join(folder, 'log'), 'utf8')).toBe('own\n');
  });

  test('names who works in a folder and who has a file open below it, until they end', async ({ folder, target }) => {
    const held = join(folder, 'held');
    await mkdir(held);
    await writeFile(join(held, 'data'), 'x');
    const scripts = {
      folder: `setInterval(() => {}, 1000)`,
      file: `require('node:fs').openSync(${JSON.stringify(join(held, 'data'))}); setInterval(() => {}, 1000)`,
    };
    expect(await target.holders(held)).toEqual([]);
    for (const [by, script] of Object.entries(scripts)) {
      const engine = await target.runEngine(component, {
        command: [process.execPath, '-e', script],
        cwd: by === 'folder' ? held : '/',
        lastSignal: 'KILL',
        logFile: join(folder, `${by}.log`),
      });
      await waitFor(async () =>
        expect(await target.holders(held)).toContainEqual({
          pid: expect.any(Number) as number,
          name: expect.any(String) as string,
          by,
        }),
      );
      engine.kill('SIGKILL');
      await engine.exited;
      await waitFor(async () => expect(await target.holders(held)).toEqual([]));
    }
  });
}
