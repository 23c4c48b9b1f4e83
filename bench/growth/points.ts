/**
 * Many recovery points in a short time. Contents and index of each are written through the repository; its manifest, the
 * report of its run and a proof a day are encoded as sealing encodes them and stored at once: sealing itself looks at
 * what was sealed before, which is what is measured.
 */
import { randomBytes } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import type { Appliance } from '../../src/domain/appliance.ts';
import { backupIdOf, manifestFormat, type BackupId, type Manifest } from '../../src/domain/recovery-point.ts';
import { digestOf, encodeDocument } from '../../src/repository/document.ts';
import { openSecrets } from '../../src/repository/keys.ts';
import { layout } from '../../src/repository/layout.ts';
import { encodeManifest } from '../../src/repository/manifest.ts';
import { packBytes } from '../../src/repository/pack.ts';
import { putReport } from '../../src/repository/reports.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { Secrets } from '../../src/repository/secrets.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { keySourceOf, type Parts } from '../../workers/parts.ts';
import { inLanes } from '../../src/domain/in-lanes.ts';

const aDay = 4;
const everyMs = 86_400_000 / aDay;
const writersAtOnce = 4;
const documentsAtOnce = 16;

export interface Made {
  /** How long a point must stay for all but the oldest few to stay, seconds. */
  readonly keepAllBut: (few: number) => number;
}

/**
 * Points of one component, the last a few hours ago. Each names so many packs besides that all share: they lie nowhere,
 * and what looks at them is not measured here.
 */
export async function makePoints(
  { appliance, repository: open }: Parts,
  count: number,
  sharedPacks = 0,
): Promise<Made> {
  const shared = Array.from({ length: sharedPacks }, () => ({ id: randomBytes(32).toString('hex'), size: packBytes }));
  const repository = await open();
  const source = await keySourceOf(appliance);
  if (source.mode === 'none') throw new Error('the generated repository is encrypted');
  const secrets = await openSecrets(repository.storage, source, repository.id);
  const began = Math.floor(Date.now() / 1000) * 1000 - (count + 1) * everyMs;
  const timeOf = (number: number): Date => new Date(began + number * everyMs);
  const dated = new Dated(repository.storage);
  const contents = new Map<number, Content>();
  const numbers = Array.from({ length: count }, (_, number) => number);
  await inLanes(writersAtOnce, numbers, async (number) => {
    const content = await writeContent(repository, appliance, backupIdOf(timeOf(number)));
    contents.set(number, { ...content, packs: [...content.packs, ...shared] });
  });
  const documents: { readonly time: Date; readonly manifest: Manifest; readonly bytes: Buffer }[] = [];
  let previous: Manifest['lifeboat']['previous'] = null;
  for (const [number, content] of [...contents].toSorted(([a], [b]) => a - b)) {
    const time = timeOf(number);
    const manifest = manifestOf(repository, appliance, { number, time, content, previous });
    const bytes = encodeManifest(manifest, secrets);
    previous = { timestamp: manifest.timestamp, digest: digestOf(bytes) };
    documents.push({ time, manifest, bytes });
  }
  await inLanes(documentsAtOnce, documents, async ({ time, manifest, bytes }) => {
    const isDaily = ((manifest.lifeboat.sequence ?? 0) - 1) % aDay === 0;
    await dated.put(layout.manifest(manifest.timestamp), bytes, time);
    await putRun(dated, secrets, manifest, time);
    if (isDaily) await putDailyProof(dated, secrets, manifest, time);
  });
  return { keepAllBut: (few) => (Date.now() - timeOf(few).getTime() + everyMs / 2) / 1000 };
}

/** Stores documents with the time at which they would have been stored. */
class Dated {
  readonly storage: Storage;

  constructor(storage: Storage) {
    this.storage = storage;
  }

  async put(key: string, bytes: Uint8Array, time: Date): Promise<void> {
    await this.storage.putIfAbsent(key, bytes);
    await this.date(key, time);
  }

  async date(key: string, time: Date): Promise<void> {
    const path = this.storage.fileOf?.(key);
    if (path !== undefined) await utimes(path, time, time);
  }
}

interface Content {
  readonly indexId: string;
  readonly packs: readonly { readonly id: string; readonly size: number }[];
  readonly storedBytes: number;
  readonly indexDigest: string;
  readonly indexBytes: number;
}

async function writeContent(repository: Repository, appliance: Appliance, backupId: BackupId): Promise<Content> {
  const [component] = appliance.components;
  const writer = await repository.writeComponent({
    backupId,
    componentId: component?.id ?? '',
    blockSize: 64 * 1024,
  });
  await writer.bytes('own', randomBytes(500));
  const { indexId, storedBytes } = await writer.finish();
  const { storage } = repository;
  // It would be closed when the point is sealed, and removed two days later.
  await storage.remove(layout.intent(backupId));
  const index = await storage.read(layout.index(indexId));
  return {
    indexId,
    storedBytes,
    packs: await repository.packsOf(indexId),
    indexDigest: digestOf(index),
    indexBytes: index.length,
  };
}

interface PointOf {
  readonly number: number;
  readonly time: Date;
  readonly content: Content;
  readonly previous: Manifest['lifeboat']['previous'];
}

function manifestOf(
  { id: repositoryId }: Repository,
  appliance: Appliance,
  { number, time, content, previous }: PointOf,
): Manifest {
  const at = time.toISOString();
  const { indexId, packs, storedBytes, indexDigest, indexBytes } = content;
  const index = { filename: indexId, path: layout.index(indexId), size: indexBytes, checksum: indexDigest };
  const files = [index, ...packs.map(({ id, size }) => ({ filename: id, path: layout.pack(id), size, checksum: id }))];
  const [component] = appliance.components;
  return {
    timestamp: backupIdOf(time),
    datetime: at,
    success: true,
    backup_files: files,
    total_size: files.reduce((sum, { size }) => sum + size, 0),
    configuration: {
      appliance: appliance.name,
      components: Object.fromEntries(appliance.components.map(({ id, kind }) => [id, { kind }])),
    },
    lifeboat: {
      format: manifestFormat,
      repositoryId,
      appliance: appliance.name,
      type: 'full',
      tool: 'lifeboat bench',
      startedAt: at,
      sealedAt: at,
      skewSeconds: 0,
      sequence: number + 1,
      previous,
      components: [
        {
          id: component?.id ?? '',
          kind: 'files',
          host: appliance.host,
          indexId,
          files: 1,
          bytes: 500,
          storedBytes,
          capturedFrom: at,
          capturedUntil: at,
          quiescence: 'quiesced',
          suspect: false,
          facts: {},
        },
      ],
      failures: [],
      workflow: null,
    },
  };
}

async function putRun(dated: Dated, secrets: Secrets, { timestamp, lifeboat }: Manifest, time: Date): Promise<void> {
  const id = `fullBackup/${lifeboat.appliance}-${time.toISOString().slice(0, 19)}Z`;
  const at = time.toISOString();
  const report = { workflowId: id, state: 'sealed', backup: timestamp, startedAt: at, endedAt: at, seconds: 1 };
  await dated.date(await putReport(dated.storage, { type: 'fullBackup', id }, report, secrets), time);
}

async function putDailyProof(dated: Dated, secrets: Secrets, { timestamp }: Manifest, time: Date): Promise<void> {
  const key = layout.proof(timestamp, 1);
  const proof = {
    at: time.toISOString(),
    kind: 'verify',
    levels: ['L1', 'L2', 'L3'],
    ok: true,
    state: 'verified',
    objects: 2,
    bytes: 1000,
    components: [],
    problemCount: 0,
    damagedPacks: [],
  };
  await dated.put(key, encodeDocument(key, proof, secrets), time);
}
