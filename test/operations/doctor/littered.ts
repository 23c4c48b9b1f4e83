/** A small repository with one object of each kind, and everything that reads it. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseConfiguration, type LoadedConfiguration } from '../../../src/config/load.ts';
import type { BackupId } from '../../../src/domain/recovery-point.ts';
import type { WalPiece } from '../../../src/domain/wal.ts';
import { soundStart } from '../../../src/drivers/postgres/wal/sound-start.ts';
import { archiveSource } from '../../../src/drivers/postgres/wal/source.ts';
import { captureComponent } from '../../../src/operations/backup/capture-component.ts';
import { selectArtefacts } from '../../../src/operations/restore/select-artefacts.ts';
import { diagnose } from '../../../src/operations/doctor/repository.ts';
import { readLocationAges } from '../../../src/operations/rpo/location-coverage.ts';
import { lookAround } from '../../../src/operations/verify/look-around.ts';
import { lostOf } from '../../../src/operations/recovery-points/lost.ts';
import { readCoverage } from '../../../src/operations/rpo/coverage.ts';
import { retentionOptions } from '../../../src/operations/retention/options.ts';
import { planRetention } from '../../../src/operations/retention/retention.ts';
import { readRpo } from '../../../src/operations/rpo/readings.ts';
import { sealBackup } from '../../../src/operations/backup/seal.ts';
import { verifyPoint } from '../../../src/operations/verify/recovery-point.ts';
import { planHere } from '../../../src/operations/restore/plan-here.ts';
import { initRepository } from '../../../src/repository/init.ts';
import { addKey, openSecrets, type KeySource } from '../../../src/repository/keys.ts';
import { kindOf, layout, type ObjectKind } from '../../../src/repository/layout.ts';
import type { Repository, WalArchive } from '../../../src/repository/repository.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import { wireParts, type Parts } from '../../../workers/parts.ts';

/** The smallest that PostgreSQL has. */
const segmentBytes = 0x100000;
/** A written key: 64 hex digits. */
const key = '09'.repeat(32);

export interface Stage {
  readonly folder: string;
  readonly encrypted: boolean;
  /** Whole, and the newest. */
  readonly good: BackupId;
  /** Older, whole, and not needed by the newest. */
  readonly old: BackupId;
  /** Given up to retention. */
  readonly expired: BackupId;
  /** A key record that another key opens; empty in an open repository. */
  readonly otherKey: string;
}

/** Each kind of object is in it at least once. */
export async function makeStage(folder: string, encrypted: boolean): Promise<Stage> {
  const storage = createLocalStorage(join(folder, 'repository'));
  const source: KeySource = encrypted ? { mode: 'key', key } : { mode: 'none' };
  await mkdir(join(folder, 'etc'));
  await writeFile(join(folder, 'etc/app.conf'), 'x');
  await writeFile(join(folder, 'key'), key);
  await (await initRepository(storage, source)).repository.close();
  const { parts } = openStage({ folder, encrypted });
  const repository = await parts.repository();
  let otherKey = '';
  if (encrypted) {
    const secrets = await openSecrets(storage, { mode: 'key', key }, repository.id);
    const other = { mode: 'key', key: new Uint8Array(32).fill(7) } as const;
    otherKey = layout.key(await addKey(storage, secrets, other, { repository: repository.id, purpose: 'recovery' }));
  }
  const now = Date.now();
  const make = async (daysAgo: number): Promise<BackupId> => {
    await writeFile(join(folder, 'etc/app.conf'), `of ${daysAgo} days ago`);
    const time = new Date(now - daysAgo * 86_400_000);
    const at = time.toISOString();
    const id = await capture(parts, repository, time);
    const run = `fullBackup/shop/${at}`;
    await repository.putReport('fullBackup', run, {
      state: 'sealed',
      text: 'sealed',
      backup: id,
      endedAt: at,
      seconds: 1,
    });
    await repository.putProof(id, { kind: 'verify', levels: ['L1', 'L3'], ok: true, state: 'verified', problems: [] });
    return id;
  };
  const [expired, refuted, old, good] = [await make(4), await make(3), await make(2), await make(1)];
  await repository.putProof(refuted, { kind: 'verify', levels: ['L1'], ok: false, state: 'failed', damagedPacks: [] });
  await repository.hold({ backupId: old, by: 'somebody', reason: 'why not' });
  const archive = walOf(repository);
  for (const number of [7, 8])
    await archive.put(segmentAt(number), Buffer.alloc(segmentBytes, number), new Date(now).toISOString());
  await archive.putHistory(2, '1\t0/800000\tno recovery target specified\n', new Date(now).toISOString());
  await archive.putCoverage(1, { lsn: '0/900000', time: new Date(now).toISOString() });
  await repository.collect({ expire: [expired], wal: [], holder: 'retention/shop' });
  const [walKey = ''] = await keysOf(repository, 'wal');
  await storage.putIfAbsent(layout.damaged(walKey), Buffer.from('was damaged'));
  await repository.replicateTo(createLocalStorage(join(folder, 'vault')), { owner: 'test' });
  await parts.close();
  return { folder, encrypted, good, old, expired, otherKey };
}

async function capture({ appliance, driver }: Parts, repository: Repository, time: Date): Promise<BackupId> {
  const backupId = await repository.reserve(time, `run of ${time.toISOString()}`);
  const receipt = await captureComponent({
    repository,
    driver: await driver('files'),
    host: 'main',
    backupId,
    previous: undefined,
    resumePacks: [],
    onProgress: () => undefined,
    signal: new AbortController().signal,
  });
  const startedAt = time.toISOString();
  const common = { repository, appliance, backupId, type: 'full', startedAt, failures: [], workflow: null } as const;
  await sealBackup({ ...common, receipts: [receipt] });
  await repository.closeIntent(backupId);
  return backupId;
}

/** The same stage in another folder. */
export async function copyStage(stage: Stage, folder: string): Promise<Stage> {
  await cp(stage.folder, folder, { recursive: true, preserveTimestamps: true });
  return { ...stage, folder };
}

export interface Opened {
  readonly parts: Parts;
  readonly configuration: LoadedConfiguration;
  readonly warnings: string[];
}

/** Its lifeboat.yaml. */
export function configurationOf({ folder, encrypted }: Pick<Stage, 'folder' | 'encrypted'>): string {
  const at = (name: string): string => join(folder, name);
  const encryption = encrypted ? `{ key: { file: ${at('key')} } }` : 'none';
  return `appliance: shop
state: ${at('state')}
repository: { path: ${at('repository')}, reserve: 1MB, encryption: ${encryption} }
temporal: { address: '127.0.0.1:1' }
components: { files: { kind: files, paths: [${at('etc')}] } }
locations: { vault: { kind: local, path: ${at('vault')}, offHost: true } }
`;
}

export function openStage(stage: Pick<Stage, 'folder' | 'encrypted'>): Opened {
  const configuration = parseConfiguration(configurationOf(stage), join(stage.folder, 'lifeboat.yaml'));
  const warnings: string[] = [];
  return {
    configuration,
    warnings,
    parts: wireParts(configuration.appliance, (message) => void warnings.push(message)),
  };
}

export async function keysOf(repository: Pick<Repository, 'storage'>, kind?: ObjectKind): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key: each } of repository.storage.list(''))
    if (kind === undefined || kindOf(each) === kind) keys.push(each);
  return keys;
}

export async function plant(folder: string, path: string, content: string | Uint8Array = 'x'): Promise<void> {
  const full = join(folder, 'repository', path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, content);
}

/** Flips a bit in the middle, also of the versions that the local storage keeps beside. */
export async function flip(folder: string, path: string): Promise<void> {
  const root = join(folder, 'repository');
  const versions = join(root, '.versions', path);
  const numbers = await readdir(versions).catch(() => []);
  for (const file of [join(root, path), ...numbers.map((number) => join(versions, number))]) {
    const bytes = await readFile(file);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(file, bytes);
  }
}

/** Every command that reads, as the operation behind it; what each said, as text. */
export const readers: Readonly<Record<string, (opened: Opened, stage: Stage) => Promise<unknown>>> = {
  list: async ({ parts }) => {
    const repository = await parts.repository();
    const listings = [...(await repository.listManifests()), ...(await lostOf(repository, { reports: 'recent' }))];
    const proofs = await Promise.all(listings.map(async ({ timestamp }) => repository.knownProofs(timestamp)));
    return {
      listings: listings.map(({ timestamp, problem, isGone }) => ({ timestamp, problem, isGone })),
      problems: proofs.flatMap(({ problems }) => problems),
    };
  },
  show: async ({ parts }) => {
    const repository = await parts.repository();
    const { timestamp } = await repository.findManifest('newest');
    return { timestamp, problems: (await repository.knownProofs(timestamp)).problems };
  },
  plan: async ({ parts }) => {
    const plan = await planHere(parts, { at: 'latest', components: [], rebuild: [] });
    return { timestamp: plan.backupId, passedOver: plan.passedOver };
  },
  'prove resolves': async ({ parts: { appliance, repository: open } }) => {
    const repository = await open();
    const { backupId } = await selectArtefacts({
      repository,
      appliance,
      goal: { kind: 'point' },
      at: 'latest',
      components: [],
    });
    return { timestamp: backupId };
  },
  verify: async ({ parts }) => {
    const repository = await parts.repository();
    const { id, ok, problems } = await verifyPoint({
      repository,
      at: 'newest',
      components: [],
      levels: ['L1', 'L3'],
      driver: parts.driver,
      onProgress: () => undefined,
      signal: new AbortController().signal,
      orThrow: false,
    });
    const around = await lookAround({ repository, own: repository, place: 'repository' });
    const all = { shares: [0], of: 1, walShares: [0], walOf: 1 };
    return { timestamp: id, ok, problems, around, rest: await repository.reread(all) };
  },
  'retention plan': async ({ parts }) => {
    const { keep, refusals, usage } = await planRetention(await retentionOptions(parts, '', 1));
    return { keep, refusals, usage };
  },
  now: async ({ parts: { appliance, repository: open } }) => {
    const repository = await open();
    const now = new Date();
    return {
      protection: await readCoverage(repository, appliance, now),
      locations: await readLocationAges(repository, appliance, now),
      rpo: await readRpo(repository, appliance, now),
      lost: await lostOf(repository, { reports: 'recent' }),
    };
  },
  replicate: async ({ parts }) => {
    const repository = await parts.repository();
    return repository.replicateTo(await parts.storage('vault'), { owner: 'test' });
  },
  doctor: async ({ parts, configuration }) => diagnose({ configuration, ...parts }),
  restore: async ({ parts }, { folder }) => {
    const repository = await parts.repository();
    const { timestamp, lifeboat } = await repository.findManifest('latest');
    const into = join(folder, 'restored');
    await repository.materialize({ indexId: lifeboat.components[0]?.indexId ?? '', into });
    const [file] = (await readdir(into, { recursive: true })).filter((path) => path.endsWith('app.conf'));
    requireSame(await readFile(join(into, file ?? '')), Buffer.from('of 1 days ago'));
    return { timestamp };
  },
  /** As a server asks that recovers to the end of segment 7: for WAL, and which numbers of timelines are taken. */
  recovery: async ({ parts }) => {
    const archive = walOf(await parts.repository());
    const pieces = await archive.withSoundEnds((await archive.list()).pieces);
    const line = [{ timeline: 1, switchLsn: startOf(8) }];
    const source = archiveSource(archive, pieces, { from: 1, line });
    requireSame((await source('000000010000000000000007')) ?? Buffer.alloc(0), Buffer.alloc(segmentBytes, 7));
    const taken = await Promise.all([2, 3].map(async (timeline) => source(`0000000${timeline}.history`)));
    if (taken[0] === undefined) throw new Error('the number of a timeline that was archived is free');
    return {};
  },
  /** As a shift does whose slot stands in segment 7; the server goes on to segment 9. Last: what is damaged leaves. */
  archiving: async ({ parts }) => {
    const archive = walOf(await parts.repository());
    const { pieces } = await archive.list();
    const slot = { serverTimeline: 1, history: [], restartLsn: startOf(7) + 5n, lookBack: true };
    const { start } = await soundStart(archive, { ...slot, pieces });
    if (start === undefined || start.sealedTo < startOf(8)) throw new Error('the archive begins anew');
    for (let number = 7; number <= 9; number += 1)
      await archive.put(segmentAt(number), Buffer.alloc(segmentBytes, number), new Date().toISOString());
    const written = (await archive.list()).pieces.filter((each) => each.timeline === 1 && each.startLsn >= startOf(7));
    const { damaged } = await archive.sound(written);
    if (damaged.length > 0) throw new Error('what the server had is not whole in the archive');
    return {};
  },
};

const walOf = (repository: Repository): WalArchive => repository.wal({ component: 'pg', systemId: '7', segmentBytes });
const startOf = (number: number): bigint => BigInt(number * segmentBytes);
const segmentAt = (number: number): WalPiece => ({
  timeline: 1,
  startLsn: startOf(number),
  endLsn: startOf(number + 1),
});

function requireSame(bytes: Uint8Array, expected: Buffer): void {
  if (!expected.equals(bytes)) throw new Error('other bytes came back');
}
