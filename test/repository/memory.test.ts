import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect } from 'vitest';
import { repositoryTest as test } from './fixture.ts';

const megabyte = 1024 * 1024;

describe('memory', () => {
  test('capture and restore of 600 MB that do not compress stay under 700 MB, threads included', async ({
    folder,
    repository,
  }) => {
    await repository.close();
    const child = spawn(
      process.execPath,
      [new URL('./memory-writer.ts', import.meta.url).pathname, folder, String(600 * megabyte)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [output, [exit]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(exit).toBe(0);
    const told = JSON.parse(output) as { storedBytes: number; restoredBytes: number; peakBytes: number };
    expect(told.storedBytes).toBeGreaterThan(590 * megabyte);
    expect(told.restoredBytes).toBe(600 * megabyte);
    // Usually 280 MB; where the cores are busy memory is collected late. With all of the bytes it would be more than 800 MB.
    expect(told.peakBytes).toBeLessThan(700 * 1_000_000);
  });
});
