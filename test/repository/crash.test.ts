import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { addTree, backUp, describeTree } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const megabyte = 1024 * 1024;

describe('a killed writer', () => {
  test('D6.1: SIGKILL at any moment of a capture leaves no recovery point; the next run reuses its packs and converges', async ({
    folder,
    storage,
    repository,
  }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    for (let file = 0; file < 5; file += 1) await writeFile(join(source, `file-${file}`), randomBytes(11 * megabyte));
    const resumePacks = new Set<string>();
    // Kill when so many bytes were read: early, in the middle, near the end.
    for (const killAt of [1, 20 * megabyte, 40 * megabyte, 50 * megabyte]) {
      for (const pack of await captureUntil(killAt, join(folder, 'repository'), source)) resumePacks.add(pack);
      expect(await repository.listManifests()).toEqual([]);
    }
    const packs: string[] = [];
    for await (const { key } of storage.list('packs/')) packs.push(key.slice(-64));
    // What was told as committed is there: it is what a heartbeat carries to the next attempt.
    for (const pack of resumePacks) expect(packs).toContain(pack);
    expect(resumePacks.size).toBeGreaterThan(0);
    const { record, manifest } = await backUp(repository, (writer) => addTree(writer, source), { resumePacks: packs });
    // All of it would be 55 MB: at least one pack was found again.
    expect(record.storedBytes).toBeLessThan(48 * megabyte);
    expect((await repository.check(manifest, {})).problems).toEqual([]);
    await repository.materialize({ indexId: record.indexId, into: join(folder, 'target') });
    expect(await describeTree(join(folder, 'target'))).toEqual(await describeTree(source));
  });

  test('packs of an earlier attempt that are damaged or gone are passed over', async ({
    folder,
    storage,
    repository,
  }) => {
    const source = join(folder, 'source');
    await mkdir(source);
    await writeFile(join(source, 'file'), randomBytes(megabyte));
    await storage.putIfAbsent(`packs/aa/${'a'.repeat(64)}`, Buffer.from('not a pack'));
    const { manifest } = await backUp(repository, (writer) => addTree(writer, source), {
      resumePacks: ['a'.repeat(64), 'b'.repeat(64)],
    });
    expect((await repository.check(manifest, {})).ok).toBe(true);
  });
});

/** Captures in a child until so many bytes were read, then kills it. Returns the packs that it told. */
async function captureUntil(killAt: number, place: string, source: string): Promise<string[]> {
  const child = spawn(process.execPath, [new URL('./crash-writer.ts', import.meta.url).pathname, place, source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let packs: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const told = JSON.parse(line) as { bytesDone: number; packs: string[] };
    ({ packs } = told);
    if (told.bytesDone >= killAt) break;
  }
  child.kill('SIGKILL');
  const [, signal] = (await exited) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return packs;
}
