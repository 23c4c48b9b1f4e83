import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { lockByFile } from '../../src/cli/folder-lock.ts';
import { folderTest as test } from '../support/folder-test.ts';

test('one holds it at a time; whoever waits says for whom', async ({ folder }) => {
  const file = join(folder, 'starting');
  const told: number[] = [];
  let held = 0;
  const turns = Array.from({ length: 4 }, async () => {
    const release = await lockByFile(file, (pid) => told.push(pid));
    held += 1;
    expect(held).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    held -= 1;
    await release();
  });
  await Promise.all(turns);
  expect(told.every((pid) => pid === process.pid)).toBe(true);
  expect(told.length).toBeGreaterThan(0);
  expect(await readdir(folder)).toEqual([]);
});

test('one that was killed holds nothing, nor does what holds no number', async ({ folder }) => {
  const file = join(folder, 'starting');
  const { pid } = spawnSync('true');
  await writeFile(file, String(pid));
  await (
    await lockByFile(file, () => expect.unreachable())
  )();
  await mkdir(file);
  await (
    await lockByFile(file, () => expect.unreachable())
  )();
  expect(await readdir(folder)).toEqual([]);
});
