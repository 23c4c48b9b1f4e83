import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTemporal } from '../../src/dev/engines.ts';
import { run, type Ended } from '../cli/transcript.ts';
import { sha256Of, startLeanStage, type LeanStage } from '../support/lean-stage.ts';

let stage: LeanStage;
beforeAll(async () => void (stage = await startLeanStage(2e6, '', { ownTemporal: true })));
afterAll(async () => stage.stop());

const lifeboat = async (config: string, args: readonly string[], interruptAt?: RegExp): Promise<Ended> =>
  run(['-c', config, ...args], {
    cwd: stage.folder,
    env: { LIFEBOAT_TEMPORAL: findTemporal() },
    ...(interruptAt === undefined ? {} : { interruptAt }),
  });

/** Processes that `--standalone` left. */
async function leftRunning(state: string): Promise<string[]> {
  const text = await readFile(join(state, 'standalone/processes.json'), 'utf8').catch(() => '{}');
  const { server = 0, worker = 0 } = JSON.parse(text) as { server?: number; worker?: number };
  const names = await Promise.all(
    Object.entries({ server, worker }).map(async ([name, pid]) =>
      (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) === '' ? '' : name,
    ),
  );
  return names.filter((name) => name !== '');
}

test('D3.9, X6: an empty machine with the key, four lines and a copy elsewhere comes back without its Temporal, its own configuration first', async () => {
  const { folder, configFile, data, repository, digest } = stage;
  const state = join(folder, 'state');
  const vault = `locations: { vault: { kind: local, path: ${join(folder, 'vault')}, offHost: true } }`;
  const text = (await readFile(configFile, 'utf8')).replace(
    /^components: .*$/m,
    `components:
  data: { kind: files, paths: [${data}] }
  lifeboat: { kind: files, tier: configuration, paths: [${configFile}] }
${vault}`,
  );
  await writeFile(configFile, text);
  const worker = await stage.startWorker();
  const beside = await lifeboat(configFile, ['--standalone', 'backups', 'run']);
  expect(beside, 'refused while the usual server answers').toMatchObject({
    code: 5,
    stderr: expect.stringContaining('leave out --standalone'),
  });
  expect(await lifeboat(configFile, ['backups', 'run'])).toMatchObject({ code: 0 });
  await expect
    .poll(async () => (await lifeboat(configFile, ['backups', 'list', '--from', 'vault'])).stdout, { interval: 500 })
    .toContain('full');

  await worker.stop();
  await stage.temporal.stop();
  for (const lost of [data, repository, state, configFile]) await rm(lost, { recursive: true, force: true });

  // What a person writes from the recovery kit: where the copy lies, and where Lifeboat's own files belong.
  const kit = join(folder, 'kit.yaml');
  await writeFile(
    kit,
    `appliance: lean
state: ${state}
repository: { path: ${repository}, reserve: 1MB, encryption: { key: { file: ${join(folder, 'key')} } } }
temporal: { address: '${stage.temporal.address}' }
${vault}
components: { lifeboat: { kind: files, tier: configuration, paths: [${configFile}] } }
`,
  );
  const restore = ['--standalone', 'restore', 'start', '--from', 'vault', '--confirm', 'lean'];
  const cut = await lifeboat(kit, [...restore, '--components', 'lifeboat'], /private Temporal server at/);
  expect(cut).toMatchObject({ code: 130, stderr: expect.stringContaining('ends with this command') });
  const { server } = JSON.parse(await readFile(join(state, 'standalone/processes.json'), 'utf8')) as { server: number };
  // At once: it meets what is ending, and waits for that.
  expect(await lifeboat(kit, [...restore, '--components', 'lifeboat'])).toMatchObject({ code: 0 });
  expect(existsSync(`/proc/${server}/fd/0`), 'of an interrupted command no server stays').toBe(false);
  expect(await readFile(configFile, 'utf8')).toBe(text);
  expect(await leftRunning(state)).toEqual([]);

  const interrupted = await lifeboat(configFile, restore, /restore\/lean\//);
  expect(interrupted, `the run goes on: ${interrupted.stderr}`).toMatchObject({
    code: 130,
    stderr: expect.stringContaining('goes on'),
  });
  expect(await leftRunning(state)).toEqual(['server', 'worker']);
  const again = /^ {2}lifeboat -c \S+ (--standalone restore watch .+)$/m.exec(interrupted.stderr)?.[1];
  const watched = await lifeboat(configFile, again?.split(' ') ?? []);
  expect(watched).toMatchObject({ code: 0, stdout: expect.stringContaining('restored ') });
  expect(await sha256Of(join(data, 'big.bin'))).toBe(digest);
  expect(await leftRunning(state)).toEqual([]);
  const points = await lifeboat(configFile, ['-o', 'json', 'backups', 'list']);
  expect(
    (JSON.parse(points.stdout) as { type: string }[]).map(({ type }) => type),
    'the repository was begun anew, and the backup after the restore was waited for',
  ).toContain('full');
});
