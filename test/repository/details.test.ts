import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { encodeDocument } from '../../src/repository/document.ts';
import { initRepository } from '../../src/repository/init.ts';
import { openSecrets } from '../../src/repository/keys.ts';
import { layout } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { reserve, sealRecords, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const textsOf = async (storage: Storage, keys: readonly string[]): Promise<string[]> =>
  Promise.all(keys.map(async (key) => Buffer.from(await storage.read(key)).toString()));

describe('X6: what names files', () => {
  const secret = '/etc/wazuh/canary.env';
  const report = {
    state: 'aborted',
    undone: 'full',
    backup: '20261122_020000',
    text: `ValidationFailed: expected 1 file, found ${secret}`,
    notes: [`02:00:00 probe files/${secret} failed`],
    probes: [{ component: 'files', name: secret, expected: 'canary-digest', actual: 'absent', ok: false }],
    steps: [{ id: 'probe:files', state: 'failed', seconds: 2, note: `${secret} is absent` }],
  };
  const proof = {
    kind: 'verify',
    ok: false,
    levels: ['L1'],
    components: ['files'],
    problemCount: 1,
    problems: [`files: file \`${secret}\` is damaged`],
  };
  // Cut within a character.
  const failures = [{ component: 'files', code: 'PermissionDenied', message: `cannot read ${secret} \ud83d` }];

  async function store(repository: Repository): Promise<readonly [string, string, string]> {
    const id = await reserve(repository);
    await sealRecords(repository, id, [], failures);
    await repository.putProof(id, proof);
    return [layout.manifest(id), layout.proof(id, 1), await repository.putReport('restore', 'r', report)];
  }

  test('stands in no proof, report or manifest in clear, and whoever has the key reads it', async ({
    storage,
    repository,
    open,
  }) => {
    const keys = await store(repository);
    const texts = await textsOf(storage, keys);
    expect(texts.filter((text) => text.includes('canary'))).toEqual([]);
    const [manifest, stored, run] = texts.map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(manifest?.lifeboat).toMatchObject({ failures: [{ component: 'files', code: 'PermissionDenied' }] });
    expect(stored).toMatchObject({ ok: false, levels: ['L1'], components: ['files'], problemCount: 1 });
    expect(run).toMatchObject({ state: report.state, steps: [{ id: 'probe:files', state: 'failed', seconds: 2 }] });

    const reader = await open(storage);
    const [point] = await reader.listManifests();
    expect(point?.manifest?.lifeboat.failures).toEqual([{ ...failures[0], message: `cannot read ${secret} \ufffd` }]);
    expect(await reader.listProofs(point?.timestamp ?? '')).toMatchObject([proof]);
    expect(await reader.getReport('restore', 'r')).toEqual(report);
  });

  test('a report and a proof of before, all in clear, stay readable', async ({ storage, repository }) => {
    const id = await reserve(repository);
    const secrets = await openSecrets(storage, testKey, repository.id);
    for (const [key, members] of [
      [layout.report('restore', 'old'), report],
      [layout.proof(id, 1), proof],
    ] as const)
      await storage.putIfAbsent(key, encodeDocument(key, members, secrets));
    expect(await repository.getReport('restore', 'old')).toEqual(report);
    expect(await repository.listProofs(id)).toEqual([proof]);
  });

  test('a sealed part that was taken from another document does not authenticate', async ({ storage, repository }) => {
    const [, from] = await store(repository);
    const [, to] = await store(repository);
    const sealedOf = (text: string): string => /"sealed": "([^"]+)"/.exec(text)?.[1] ?? '';
    const [first, second] = await textsOf(storage, [from, to]);
    const forged = (second ?? '').replace(sealedOf(second ?? ''), sealedOf(first ?? ''));
    expect(forged).not.toBe(second);
    await storage.remove(to);
    await storage.putIfAbsent(to, Buffer.from(forged));
    await expect(repository.listProofs(to.split('/')[1] ?? '')).rejects.toMatchObject({ code: 'ObjectCorrupt' });
  });

  test('an open repository hides nothing: its indexes are open too', async ({ folder }) => {
    const storage = createLocalStorage(join(folder, 'open'));
    const { repository } = await initRepository(storage, { mode: 'none' });
    await repository.putReport('restore', 'r', report);
    expect(Buffer.from(await storage.read(layout.report('restore', 'r'))).toString()).toContain(secret);
    expect(await repository.getReport('restore', 'r')).toEqual(report);
    await repository.close();
  });
});
