/** Opens a repository: who it is, whether the key fits, and everything that can be done with it. */
import type { IndexEntry } from '../domain/entry.ts';
import { LifeboatError } from '../domain/errors.ts';
import type { Manifest } from '../domain/recovery-point.ts';
import type { Owner } from '../domain/whose-point.ts';
import type { Storage } from '../storage/storage.ts';
import { findManifest, listManifests } from './catalogue.ts';
import { DocumentCache } from './document-cache.ts';
import { Expiries } from './expiry.ts';
import { reread } from './check/reread.ts';
import { collect } from './collect/collect.ts';
import { giveUp, unexpire } from './collect/recall.ts';
import { listHolds, putHold, removeHold } from './collect/holds.ts';
import { usageOf } from './collect/usage.ts';
import { checkManifest } from './check/check.ts';
import { Opener, Sealer } from './frame.ts';
import { authenticateIdentity, readIdentity } from './identity.ts';
import type { Identity } from './identity.ts';
import { readIndexEntries, readIndexHead } from './index-object.ts';
import { closeIntent, ensureIntent, reserveBackupId } from './intents.ts';
import { openSecrets } from './keys.ts';
import type { KeySource } from './keys.ts';
import { lostPoints } from './lost-points.ts';
import { findStrays } from './own-objects.ts';
import { openProofBook } from './proof-book.ts';
import { addProof, knownProofs, pointState, readProofs } from './proofs.ts';
import { ManifestCache } from './manifest-cache.ts';
import { materialize } from './reader/materialize.ts';
import { readSmallFile, streamFile } from './reader/read-file.ts';
import { recoveryKitTriedAt } from './recovery-kit.ts';
import { findReport, getReport, listReports, putReport } from './reports.ts';
import { inspectRescueScripts } from './rescue/scripts.ts';
import { replicate } from './replicate/replicate.ts';
import { createWalPusher } from './replicate/wal-pusher.ts';
import type { Repository } from './repository.ts';
import { sealManifest } from './seal.ts';
import type { Secrets } from './secrets.ts';
import { ThreadPool } from './threads/pool.ts';
import { documentsThatMayGo, setAside, walThatMayGo } from './quarantine-wal.ts';
import { knownDamage } from './known-damage.ts';
import { createWalArchive, listWal } from './wal-archive.ts';
import { createComponentWriter } from './writer/component-writer.ts';
import { createIsSettled, type IsSettled } from './writer/settled.ts';

export interface OpenOptions {
  /** RepositoryMismatch if another repository lies there. */
  readonly expectedId?: string;
  /** Worker threads; by default one per core, 2 to 4. */
  readonly threads?: number;
  /** A copy in a location: what the repository's reports and manifests say of damage is not of this place. */
  readonly isCopy?: boolean;
  readonly onWarning?: (message: string) => void;
  /** The appliance that it is opened for; without one every point counts as own. */
  readonly owner?: Owner;
  /** Which files the next backup need not read; by default as this system writes back what was written. */
  readonly isSettled?: IsSettled;
}

/** RepositoryMissing, RepositoryMismatch, KeyMissing, KeyWrong, FormatTooNew, ObjectCorrupt. */
export async function openRepository(
  storage: Storage,
  source: KeySource,
  options: OpenOptions = {},
): Promise<Repository> {
  const { identity, bytes } = await readIdentity(storage);
  if (options.expectedId !== undefined && options.expectedId !== identity.id) {
    throw new LifeboatError(
      'RepositoryMismatch',
      `repository ${identity.id} lies in ${storage.description}, ${options.expectedId} was expected`,
    );
  }
  const warn = once(options.onWarning ?? (() => undefined));
  const secrets = await secretsFor(storage, identity, source, warn);
  authenticateIdentity(bytes, secrets);
  const { threads, isCopy = false, owner, isSettled = createIsSettled() } = options;
  return assemble(storage, { identity, secrets, warn, threads, isCopy, owner, isSettled });
}

/** As many texts are remembered: a worker lives for months. */
const maxTold = 1000;

/** A damaged object is met again and again: it is told once. */
function once(warn: (message: string) => void): (message: string) => void {
  const told = new Set<string>();
  return (message) => {
    if (told.has(message)) return;
    if (told.size >= maxTold) told.clear();
    told.add(message);
    warn(message);
  };
}

async function secretsFor(
  storage: Storage,
  identity: Identity,
  source: KeySource,
  warn: (message: string) => void,
): Promise<Secrets | undefined> {
  if (identity.encryption === 'none') {
    // Whoever can write the storage could put an open repository in the place of a sealed one.
    if (source.mode !== 'none')
      throw new LifeboatError(
        'RepositoryMismatch',
        `a key is configured, but the repository in ${storage.description} is not encrypted`,
      );
    return undefined;
  }
  if (source.mode === 'none')
    throw new LifeboatError('KeyMissing', `the repository in ${storage.description} is encrypted and no key was given`);
  return openSecrets(storage, source, identity.id, warn);
}

/** What lies in a copy is read anew once a day: what rots there keeps its version. */
const copyReadMs = 86_400_000;

/** A cache for each copy: keys are the same everywhere. */
function documentsOfCopies(): (copy: Storage) => DocumentCache {
  const known = new WeakMap<Storage, DocumentCache>();
  return (copy) => {
    const documents = known.get(copy) ?? new DocumentCache(copyReadMs);
    known.set(copy, documents);
    return documents;
  };
}

interface Assembly {
  readonly identity: Identity;
  readonly secrets: Secrets | undefined;
  readonly warn: (message: string) => void;
  readonly threads: number | undefined;
  readonly isCopy: boolean;
  readonly owner: Owner | undefined;
  readonly isSettled: IsSettled;
}

function assemble(
  storage: Storage,
  { identity, secrets, warn, threads, isCopy, owner, isSettled }: Assembly,
): Repository {
  const pool = new ThreadPool(secrets, threads);
  const opener = new Opener(secrets);
  const sealer = new Sealer(secrets);
  const cache = new ManifestCache();
  const expiries = new Expiries({ storage, id: identity.id, secrets });
  const documents = new DocumentCache();
  const documentsIn = documentsOfCopies();
  const common = { storage, id: identity.id, secrets, documents, warn };
  const place = { ...common, sealer, opener, pool, cache, expiries, isCopy, owner };
  const manifests = async (): Promise<Manifest[]> => {
    if (cache.size === 0) await listManifests(place);
    return cache.manifests();
  };
  const context = isCopy ? place : { ...place, manifests };
  return {
    id: identity.id,
    encrypted: secrets !== undefined,
    storage,
    reserve: (time, owner) => reserveBackupId(storage, time, owner, secrets),
    closeIntent: (id) => closeIntent(storage, id, secrets),
    async writeComponent(writeOptions) {
      // Before the first lookup: collection must see that somebody builds on what is stored.
      await ensureIntent(storage, writeOptions.backupId, secrets);
      const warnWriter = writeOptions.onWarning ?? warn;
      const { packs: damaged } = await knownDamage({ ...context, warn: warnWriter });
      return createComponentWriter(
        { storage, pool, sealer, opener, damaged, warn: warnWriter, isSettled },
        writeOptions,
      );
    },
    packsOf: async (indexId) => [...(await readIndexHead(storage, indexId, opener)).packs.values()],
    readIndex: (indexId, signal): AsyncIterable<IndexEntry> => readIndexEntries(storage, indexId, opener, signal),
    readFile: (indexId, path) => readSmallFile(context, indexId, path),
    streamFile: (indexId, entry, signal): AsyncIterable<Uint8Array> => streamFile(context, indexId, entry, signal),
    materialize: (materializeOptions) => materialize(context, materializeOptions),
    seal: (input) => sealManifest(context, input),
    listManifests: () => listManifests(context),
    lostPoints: (lostOptions) => lostPoints(context, lostOptions),
    giveUp: (id, by, reason) => giveUp(context, id, by, reason),
    findManifest: (selector, holding) => findManifest(context, selector, holding),
    check: (manifest, checkOptions) => checkManifest(context, manifest, checkOptions),
    reread: (rereadOptions) => reread(context, rereadOptions),
    quarantineWal: (keys) => setAside(context, keys, walThatMayGo),
    quarantineDocuments: (keys) => setAside(context, keys, documentsThatMayGo),
    strays: () => findStrays(storage),
    rescueScripts: () => inspectRescueScripts(storage),
    putProof: (id, proof) => addProof(context, id, proof),
    proofBook: () => openProofBook(context),
    listProofs: (id) => readProofs(storage, id, secrets),
    knownProofs: (id) => knownProofs(context, id),
    pointState: (id) => pointState(context, id),
    wal: (source) => createWalArchive(context, source),
    replicateTo: (target, replicateOptions) =>
      replicate({ ...context, documents: documentsIn(target) }, target, replicateOptions),
    walPusher: (target) => createWalPusher(context, target),
    hold: (hold) => putHold(storage, hold, secrets),
    releaseHold: (id) => removeHold(storage, id),
    listHolds: () => listHolds(storage, secrets),
    collect: (collectOptions) => collect(context, collectOptions),
    unexpire: (id, holder, copies) => unexpire(context, id, holder, copies),
    listWal: () => listWal(storage),
    usage: (since) => usageOf(storage, since),
    recoveryKitTriedAt: () => recoveryKitTriedAt(context),
    putReport: (type, id, report) => putReport(storage, { type, id }, report, secrets),
    getReport: (type, id) => getReport(storage, { type, id }, secrets),
    findReport: (type, id) => findReport(context, { type, id }),
    listReports: (type) => listReports(storage, type),
    close: () => pool.close(),
  };
}
