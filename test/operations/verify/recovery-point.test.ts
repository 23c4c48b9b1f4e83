import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseConfiguration } from '../../../src/config/load.ts';
import { cliScript } from '../../../src/dev/demo/worker-process.ts';
import type { Appliance } from '../../../src/domain/appliance.ts';
import type { ComponentRecord, Manifest } from '../../../src/domain/recovery-point.ts';
import { captureComponent } from '../../../src/operations/backup/capture-component.ts';
import { sealBackup } from '../../../src/operations/backup/seal.ts';
import { verifyPoint, type VerifyOptions } from '../../../src/operations/verify/recovery-point.ts';
import { initRepository } from '../../../src/repository/init.ts';
import { generateKey } from '../../../src/repository/recovery-key.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import { wireParts, type Parts } from '../../../workers/parts.ts';
import { makeRedisSubject, password, type RedisSubject } from '../../drivers/redis/subject.ts';
import { writeStore } from '../../drivers/vectorstore/store.ts';
import { writeTinyModel } from '../../inference/tiny-model.ts';
import { doctored, type Changes } from '../../support/doctored.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

let folder: TemporaryFolder;
let configFile: string;
let appliance: Appliance;
let parts: Parts;
let repository: Repository;
let redis: RedisSubject;
let good: Manifest;

beforeAll(async () => {
  folder = await temporaryFolder('verify');
  const at = (name: string): string => join(folder.path, name);
  redis = await makeRedisSubject(folder.path);
  await redis.start();
  await redis.seed();
  await writeStore(at('vectors'));
  await writeModels(at('models'));
  await writeConfiguration(at('conf'));
  const key = generateKey();
  await writeFile(at('key'), key, { mode: 0o600 });
  configFile = at('lifeboat.yaml');
  const text = `appliance: lean
state: ${at('state')}
repository: { path: ${at('backups')}, reserve: 1MB, encryption: { key: { file: ${at('key')} } } }
temporal: { address: '127.0.0.1:1' }
components:
  redis: { kind: redis, port: ${redis.config.port}, password: ${password}, dataDirectory: ${redis.config.dataDirectory} }
  vectors: { kind: vectorstore, path: ${at('vectors')}, quiet: 1s, embeddingModel: all-MiniLM-L6-v2 }
  models: { kind: models, path: ${at('models')} }
  conf: { kind: files, paths: [${at('conf')}] }
`;
  await writeFile(configFile, text);
  ({ appliance } = parseConfiguration(text, configFile));
  await (await initRepository(createLocalStorage(at('backups')), { mode: 'key', key })).repository.close();
  parts = wireParts(appliance);
  repository = await parts.repository();
  good = await seal(await Promise.all(appliance.components.map(async ({ id }) => capture(id))));
  // What is stored must be enough.
  await redis.destroy();
  for (const name of ['vectors', 'models', 'conf']) await rm(at(name), { recursive: true });
});
afterAll(async () => {
  await parts.close();
  await redis.dispose();
  await folder.remove();
});

async function writeModels(path: string): Promise<void> {
  const staged = join(folder.path, 'tiny.gguf');
  await writeTinyModel(staged);
  await mkdir(path);
  await rename(staged, join(path, 'tiny.gguf'));
}

async function writeConfiguration(path: string): Promise<void> {
  await mkdir(path);
  await writeFile(join(path, 'docker-compose.yml'), 'services: { app: { image: app, env_file: .env } }\n');
  await writeFile(join(path, '.env'), 'KEY=canary-verify\n', { mode: 0o600 });
}

const signal = new AbortController().signal;

async function capture(id: string): Promise<ComponentRecord> {
  const backupId = await repository.reserve(new Date(), `capture ${id}`);
  const options = {
    repository,
    driver: await parts.driver(id),
    host: 'main',
    backupId,
    previous: undefined,
    resumePacks: [],
  };
  return captureComponent({ ...options, onProgress: () => undefined, signal });
}

async function seal(receipts: readonly ComponentRecord[]): Promise<Manifest> {
  const backupId = await repository.reserve(new Date(), `seal ${Math.random()}`);
  const startedAt = new Date().toISOString();
  return sealBackup({
    repository,
    appliance,
    backupId,
    type: 'full',
    startedAt,
    receipts,
    failures: [],
    workflow: null,
  });
}

/** A point like the good one, with one component as another capture would have left it. */
async function sealedWith(id: string, changes: Changes): Promise<Manifest> {
  const { components } = good.lifeboat;
  const replaced = components.map(async (record) =>
    record.id === id ? doctored(repository, record, changes) : record,
  );
  return seal(await Promise.all(replaced));
}

async function verify({ timestamp }: Manifest, options: Partial<VerifyOptions> = {}): ReturnType<typeof verifyPoint> {
  const { driver } = parts;
  return verifyPoint({
    repository,
    at: timestamp,
    components: [],
    levels: ['L1', 'L3'],
    driver,
    onProgress: () => undefined,
    signal,
    orThrow: false,
    ...options,
  });
}

async function cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [cliScript, '-c', configFile, ...args])) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

test('D2.7: a good point passes L1 and L3 though nothing of the appliance is left, and the proof says so', async () => {
  const result = await verify(good);
  expect(result).toMatchObject({ id: good.timestamp, ok: true, problems: [], levels: ['L1', 'L3'], uninspected: [] });
  expect(await repository.listProofs(good.timestamp)).toMatchObject([
    { kind: 'verify', levels: ['L1', 'L3'], ok: true, problems: [] },
  ]);
  await expect(readdir(join(folder.path, 'state'))).rejects.toThrow('ENOENT');
});

describe('D2.7: a point whose capture was wrong, though every object authenticates', () => {
  const conf = (name: string): string => `${folder.path.slice(1)}/conf/${name}`;
  const cases: readonly [what: string, component: string, changes: () => Changes, problem: RegExp][] = [
    [
      'a truncated dump',
      'redis',
      () => ({ 'dump.rdb': (whole) => whole.subarray(0, -20) }),
      /^redis: file `dump\.rdb`: expected .*, found the dump ends after/,
    ],
    [
      'an index with another count',
      'vectors',
      () => ({ 'faiss_index.faiss': otherTotal }),
      /^vectors: file `faiss_index\.faiss`: expected .* 200 vectors .*, found .* 7 vectors /,
    ],
    [
      'a truncated model',
      'models',
      () => ({ 'tiny.gguf': (whole) => whole.subarray(0, 40_000) }),
      /^models: file `tiny\.gguf`: .*it is truncated$/,
    ],
    [
      'a lost .env',
      'conf',
      () => ({ [conf('.env')]: 'absent' }),
      /^conf: file `.*\/docker-compose\.yml`: services\.app\.env_file: .*`.*\/conf\/\.env` is not$/,
    ],
  ];
  test.each(cases)('%s is named with component and file', async (_what, component, changes, problem) => {
    const point = await sealedWith(component, changes());
    const result = await verify(point);
    expect(result.ok).toBe(false);
    expect(result.problems).toContainEqual(expect.stringMatching(problem));
    expect(result.problems.every((text) => text.startsWith(`${component}: `))).toBe(true);
    const [proof] = await repository.listProofs(point.timestamp);
    expect(proof).toMatchObject({
      levels: ['L3'],
      ok: false,
      components: [component],
      problems: result.problems,
    });
    // Bytes alone cannot show it.
    expect(await verify(point, { levels: ['L1'] })).toMatchObject({ ok: true, levels: ['L1'] });
  });
});

test('D2.7: `lifeboat verify` prints what is damaged and exits with 1; `backups list` shows each proof with its age', async () => {
  const bad = await sealedWith('models', { 'tiny.gguf': (whole) => whole.subarray(0, 1000) });
  expect(await cli('verify', good.timestamp)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      new RegExp(`^recovery point ${good.timestamp}: ok \\(L1, L3\\), \\d+ objects`),
    ) as string,
  });
  const damaged = await cli('verify', bad.timestamp);
  expect(damaged.code).toBe(1);
  expect(damaged.stdout).toMatch(
    /^DAMAGED models: file `tiny\.gguf`: expected a whole model of bert, found[^]*breaks off/,
  );
  expect(damaged.stdout).toContain(`recovery point ${bad.timestamp}: 1 problem (L1, L3)`);
  expect(damaged.stderr).toContain('hint: ');

  const { stdout } = await cli('backups', 'list');
  const row = ({ timestamp }: Manifest): string => stdout.split('\n').find((line) => line.includes(timestamp)) ?? '';
  expect(row(good)).toMatch(/ L1\+L3 \S.* ago$/);
  expect(row(bad)).toMatch(/ FAILED \S.* ago$/);
  const shown = await cli('backups', 'show', bad.timestamp);
  expect(shown.stdout).toMatch(/proof: L3 FAILED at 20\S+\n  models: file `tiny\.gguf`: expected a whole model/);
});

test('a proof that somebody changed hides neither its point nor the others', async () => {
  const point = await seal(good.lifeboat.components);
  await verify(point);
  const proofs = join(folder.path, 'backups', 'proofs', point.timestamp);
  const proof = join(proofs, (await readdir(proofs))[0] ?? '');
  const text = await readFile(proof, 'utf8');
  await writeFile(`${proof}.new`, text.replace('"ok":true', '"ok":false').replace('"ok": true', '"ok": false'));
  await rename(`${proof}.new`, proof);
  expect(await readFile(proof, 'utf8')).not.toBe(text);
  const { code, stdout } = await cli('backups', 'list');
  expect(code).toBe(0);
  expect(stdout.split('\n').find((line) => line.includes(point.timestamp))).toMatch(/ UNREADABLE$/);
  expect(stdout).toContain(good.timestamp);
});

test('a component that left the configuration keeps a point from L3, it does not make it damaged', async () => {
  const text = await readFile(configFile, 'utf8');
  const lines = text.split('\n').filter((line) => !line.startsWith('  models:'));
  const fewer = wireParts(parseConfiguration(lines.join('\n'), configFile).appliance);
  const result = await verify(good, { driver: fewer.driver });
  expect(result).toMatchObject({ ok: true, levels: ['L1'], uninspected: ['models'] });
});

test('a verification that is stopped throws the reason and stores no proof', async () => {
  const point = await seal(good.lifeboat.components);
  const stop = new AbortController();
  const { driver } = parts;
  const stopping: VerifyOptions['driver'] = async (id) => ({
    ...(await driver(id)),
    inspect: async (...args) => {
      stop.abort(new Error('somebody pressed Ctrl-C'));
      return (await driver(id)).inspect(...args);
    },
  });
  await expect(verify(point, { driver: stopping, signal: stop.signal })).rejects.toThrow('somebody pressed Ctrl-C');
  expect(await repository.listProofs(point.timestamp)).toEqual([]);
});

test('a disk that fails is an error to try again, not a damaged point', async () => {
  const point = await seal(good.lifeboat.components);
  const failing: Repository = {
    ...repository,
    // What the kernel says of a cable that came loose.
    readIndex: () => {
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', syscall: 'read' });
    },
  };
  await expect(verify(point, { repository: failing })).rejects.toMatchObject({ code: 'EIO' });
  expect(await repository.listProofs(point.timestamp)).toEqual([]);
});

test('L1 names an object that is gone; L3 does not fall over it', async () => {
  const lost = await sealedWith('conf', {
    [`${folder.path.slice(1)}/conf/more`]: () => Buffer.from(`${Math.random()}`.repeat(50)),
  });
  const { indexId } = lost.lifeboat.components.find(({ id }) => id === 'conf')!;
  await rm(join(folder.path, 'backups', 'indexes', indexId));
  const { ok, problems } = await verify(lost);
  expect(ok).toBe(false);
  expect(problems).toEqual([
    expect.stringMatching(`^conf: ObjectMissing: object indexes/${indexId} is gone`),
    `conf: its structure cannot be read: object indexes/${indexId} is gone`,
  ]);
});

function otherTotal(index: Buffer): Buffer {
  const other = Buffer.from(index);
  other.writeBigInt64LE(7n, 8);
  return other;
}
