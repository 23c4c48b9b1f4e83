import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { parseConfiguration } from '../../../src/config/load.ts';
import type { Manifest } from '../../../src/domain/recovery-point.ts';
import { readCoverage } from '../../../src/operations/rpo/coverage.ts';
import { verifyPoint, type VerifyResult } from '../../../src/operations/verify/recovery-point.ts';
import { layout } from '../../../src/repository/layout.ts';
import { refutedReportOf } from '../../../src/repository/refutations.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { addTree, backUp, describeTree, type Backup } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';

const { appliance } = parseConfiguration(
  'appliance: a\nrepository: {path: /r, encryption: none}\ncomponents: {files: {kind: files, paths: [/data]}}\n',
  'lifeboat.yaml',
);

async function verify(repository: Repository, manifest: Manifest): Promise<VerifyResult> {
  return verifyPoint({
    repository,
    at: manifest.timestamp,
    components: [],
    levels: ['L1'],
    onProgress: () => undefined,
    signal: new AbortController().signal,
    orThrow: false,
  });
}

/** Flips a byte of a pack: of its first frame, or of its last one. */
async function flip(storage: Storage, folder: string, pack: string, at: number): Promise<void> {
  const bytes = Buffer.from(await storage.read(pack));
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(join(folder, 'repository', pack), bytes);
}

const packsOf = ({ backup_files: files }: Manifest): string[] =>
  files.flatMap(({ path }) => (path.startsWith(layout.packs) ? [path] : []));

/** A folder of three files, and its first backup. */
async function begin(folder: string, repository: Repository): Promise<{ source: string; first: Backup }> {
  const source = join(folder, 'source');
  await mkdir(source);
  for (const name of ['a', 'b', 'c']) await writeFile(join(source, name), randomBytes(3000));
  return { source, first: await backUp(repository, (writer) => addTree(writer, source)) };
}

test('D2.7, D6.1: what a verification found damaged is stored anew by the next backup, which restores byte for byte', async ({
  folder,
  storage,
  repository,
}) => {
  const { source, first } = await begin(folder, repository);
  const second = await backUp(repository, (writer) => addTree(writer, source), { previous: first.record });
  const [pack = ''] = packsOf(first.manifest);
  expect(packsOf(second.manifest)).toEqual([pack]);
  await flip(storage, folder, pack, 200);
  expect(await verify(repository, second.manifest)).toMatchObject({ ok: false });
  expect(await repository.pointState(second.id)).toBe('failed');
  expect((await repository.findManifest('latest')).timestamp).toBe(first.id);
  expect(await readCoverage(repository, appliance, new Date())).toMatchObject({
    newest: first.id,
    failed: [second.id],
    components: [{ id: 'files', backupId: first.id }],
  });

  const third = await backUp(repository, (writer) => addTree(writer, source), { previous: second.record });
  expect(packsOf(third.manifest)).not.toContain(pack);
  expect(await verify(repository, third.manifest)).toMatchObject({ ok: true, problems: [], notes: [] });
  const into = join(folder, 'target');
  await repository.materialize({ indexId: third.record.indexId, into });
  expect(await describeTree(into)).toEqual(await describeTree(source));
});

test('damage that no file of a point lies in is a note, and nothing against the point', async ({
  folder,
  storage,
  repository,
}) => {
  const { source, first } = await begin(folder, repository);
  for (const name of ['a', 'b']) await writeFile(join(source, name), randomBytes(3000));
  const second = await backUp(repository, (writer) => addTree(writer, source), { previous: first.record });
  const [pack = ''] = packsOf(first.manifest);
  expect(packsOf(second.manifest)).toContain(pack);
  for await (const entry of repository.readIndex(first.record.indexId))
    if (entry.type === 'file' && entry.path === 'a')
      await flip(storage, folder, pack, (entry.blocks[0]?.[1] ?? 0) + 80);
  expect(await verify(repository, first.manifest)).toMatchObject({ ok: false });
  const result = await verify(repository, second.manifest);
  expect(result).toMatchObject({ ok: true, problems: [] });
  expect(result.notes).toEqual([expect.stringMatching(`^files: object ${pack}, 1 bad frames.*no file of this point`)]);
});

test('hashes that are right say nothing against a structure that was found wrong', async ({ folder, repository }) => {
  const { id, manifest } = (await begin(folder, repository)).first;
  await repository.putProof(id, { kind: 'verify', levels: ['L1', 'L3'], ok: false, state: 'failed' });
  expect(await verify(repository, manifest)).toMatchObject({ ok: true });
  expect(await repository.pointState(id)).toBe('failed');
});

describe('a proof that spoke against its point', () => {
  const told = async (repository: Repository, id: string): Promise<unknown> =>
    repository.findManifest('latest').then(
      ({ timestamp }) => timestamp === id,
      ({ code }: { readonly code: string }) => code,
    );

  for (const [what, harm] of [
    ['damaged', async (path: string) => writeFile(path, '{}')],
    ['taken away', async (path: string) => rm(path)],
  ] as const)
    test(`D2.7: counts also when it is ${what}, until a proof that looked as deep lifts it`, async ({
      folder,
      storage,
      open,
      repository,
    }) => {
      const { first } = await begin(folder, repository);
      const proof = layout.proof(first.id, 2);
      await repository.putProof(first.id, { kind: 'verify', ok: true, state: 'verified', levels: ['L1', 'L3'] });
      await repository.putProof(first.id, { kind: 'verify', ok: false, state: 'failed', levels: ['L1'] });
      await harm(join(folder, 'repository', proof));
      const warnings: string[] = [];
      const reader = await open(storage, undefined, { onWarning: (message) => void warnings.push(message) });
      expect(await told(reader, first.id)).toBe('NotFound');
      expect(warnings).toContainEqual(expect.stringMatching(`${proof} spoke against the point and is gone or damaged`));
      expect((await reader.knownProofs(first.id)).proofs).toMatchObject([{ ok: true }, { ok: false, levels: ['L1'] }]);
      // Its number is not given again: what comes later is newer.
      await reader.putProof(first.id, { kind: 'verify', ok: true, levels: ['L2'] });
      expect(await told(reader, first.id)).toBe('NotFound');
      await reader.putProof(first.id, { kind: 'verify', ok: true, state: 'verified', levels: ['L1', 'L3'] });
      expect(await told(reader, first.id)).toBe(true);
    });

  test('D2.7: of an earlier version is noted beside it with the next one; until then a damaged one is passed over with a warning', async ({
    folder,
    storage,
    open,
    repository,
  }) => {
    const { first } = await begin(folder, repository);
    await repository.putProof(first.id, { kind: 'verify', ok: true, state: 'verified' });
    await repository.putProof(first.id, { kind: 'verify', ok: false, state: 'failed' });
    // An earlier version noted nothing.
    const proof = join(folder, 'repository', layout.proof(first.id, 2));
    const bytes = await readFile(proof);
    for (const key of [layout.refutation(first.id), refutedReportOf(first.id)])
      await rm(join(folder, 'repository', key));
    await writeFile(proof, '{}');
    const warnings: string[] = [];
    const reader = await open(storage, undefined, { onWarning: (message) => void warnings.push(message) });
    expect(await told(reader, first.id)).toBe(true);
    expect(warnings).toEqual([expect.stringContaining(layout.proof(first.id, 2)) as string]);
    await writeFile(proof, bytes);
    await reader.putProof(first.id, { kind: 'verify', ok: false, state: 'failed' });
    await rm(join(folder, 'repository', layout.proofs(first.id)), { recursive: true });
    expect((await reader.knownProofs(first.id)).problems).toHaveLength(2);
    expect(await told(reader, first.id)).toBe('NotFound');
  });
});
