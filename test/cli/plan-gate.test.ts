/** `restore start` without a name, on a terminal: the run plans and asks, and however the person leaves, it ends. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCliStage, type CliStage } from './stage.ts';
import { ctrlC, onTerminal, type Terminal } from './terminal.ts';
import { run } from './transcript.ts';

let stage: CliStage;
beforeAll(async () => {
  stage = await startCliStage();
  const init = await run(['init'], { cwd: stage.folder });
  expect(init.code).toBe(0);
  await stage.startWorker();
  const backup = await run(['backups', 'run', '--components', 'configuration'], { cwd: stage.folder });
  expect(backup.code).toBe(0);
});
afterAll(async () => stage?.stop());

const prompt = /type shop to begin/;

function start(...more: string[]): Terminal {
  return onTerminal(['restore', 'start', '--components', 'configuration', ...more], stage.folder);
}

/** The run that the command began, and how it ended. */
async function endOf(terminal: Terminal): Promise<unknown> {
  const id = /(restore\/shop\/\S+)/.exec(terminal.shown())?.[1] ?? 'none';
  const { stdout } = await run(['-o', 'json', 'restore', 'watch', id], { cwd: stage.folder });
  return (JSON.parse(stdout) as { readonly state: unknown }).state;
}

test('the plan is shown; another name, or none, ends it as planned: exit 7', async () => {
  for (const typed of ['shap\r', '\r']) {
    const terminal = start();
    await terminal.shows(prompt);
    expect(terminal.shown()).toContain('swap:configuration');
    terminal.type(typed);
    expect(await terminal.ended).toBe(7);
    expect(terminal.shown()).toContain('not confirmed; nothing is changed');
    expect(await endOf(terminal)).toBe('planned');
  }
});

test('Ctrl-C at the prompt ends it as planned: exit 130; the same key again says so: exit 7', async () => {
  const key = ['--idempotency-key', 'gate-1'];
  const terminal = start(...key);
  await terminal.shows(prompt);
  terminal.type(ctrlC);
  expect(await terminal.ended).toBe(130);
  expect(await endOf(terminal)).toBe('planned');
  const again = start(...key);
  expect(await again.ended).toBe(7);
  expect(again.shown().replaceAll(/\s+/g, ' ')).toContain('restore/shop/gate-1 ended as planned: nobody confirmed it');
});

test('SIGTERM at the prompt does the same: exit 143', async () => {
  const terminal = start();
  await terminal.shows(prompt);
  await terminal.signal('SIGTERM');
  expect(await terminal.ended).toBe(143);
  expect(await endOf(terminal)).toBe('planned');
});

test('Ctrl-C while it still plans: it is told so as soon as it asks', async () => {
  const terminal = start();
  await terminal.shows(/restore\/shop\/\S+/);
  terminal.type(ctrlC);
  expect(await terminal.ended).toBe(130);
  expect(await endOf(terminal)).toBe('planned');
});

test('the name begins it', async () => {
  const terminal = start();
  await terminal.shows(prompt);
  terminal.type('shop\r');
  expect(await terminal.ended).toBe(0);
  expect(terminal.shown()).toMatch(/restored \d{8}_\d{6} in /);
  expect(await endOf(terminal)).toBe('committed');
});
