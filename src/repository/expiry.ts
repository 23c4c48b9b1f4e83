/**
 * Which recovery points retention took. A tombstone alone proves nothing, for anybody can put one where a manifest was: it
 * must hold the manifest, and a report must name the point. Collection writes that report before the first point leaves;
 * earlier versions left it to the run's evidence.
 */
import { randomBytes } from 'node:crypto';
import type { BackupId, JsonValue } from '../domain/recovery-point.ts';
import type { ObjectInfo, Storage } from '../storage/storage.ts';
import { isUnreadable } from './document.ts';
import { layout } from './layout.ts';
import { isAuthenticManifest } from './manifest.ts';
import { ownObjects } from './own-objects.ts';
import { putReport, readReport, type Report } from './reports.ts';
import type { Secrets } from './secrets.ts';

export const expiryReport = 'expiry';
/** The workflow's evidence. */
const evidenceReport = 'retention';
/** So many points of a place stand in the evidence, the newest ones; what is older than all of them may have left in the same run. */
const evidenceShows = 100;

interface Context {
  readonly storage: Storage;
  readonly id: string;
  readonly secrets: Secrets | undefined;
}

export interface Expiry {
  readonly points: readonly BackupId[];
  /** For people: who collects. */
  readonly by: string;
  /** Why a person gives up points that are gone: then they need no tombstone. Absent where retention took them. */
  readonly reason?: string;
}

/** A report of its own for each call: one that is replaced would forget what an earlier attempt had taken. */
export async function noteExpiry({ storage, secrets }: Context, { points, by, reason }: Expiry): Promise<void> {
  const at = (await storage.now()).toISOString();
  const report = { at, by, points: [...points], ...(reason === undefined ? {} : { givenUp: true, reason }) };
  await putReport(storage, { type: expiryReport, id: randomBytes(8).toString('hex') }, report, secrets);
}

interface StoredReport {
  readonly storage: Storage;
  readonly object: ObjectInfo;
}

/** What was removed from one place on purpose. It remembers what it has read: reports stay as they are. */
export class Expiries {
  readonly #context: Context;
  /** Where reports are read. */
  readonly #reportsIn: readonly Storage[];
  readonly #copies = new WeakMap<Storage, Expiries>();
  /** Versions of reports that were read. */
  readonly #read = new Set<string>();
  readonly #taken = new Set<BackupId>();
  readonly #givenUp = new Set<BackupId>();
  /** For a run that took more points than its evidence shows, the oldest point that it shows. */
  readonly #cutAt = new Set<BackupId>();
  /** Tombstones that hold their manifest, by key, and the version that was read. */
  readonly #stones = new Map<string, string>();

  constructor(context: Context, reportsIn: readonly Storage[] = [context.storage]) {
    this.#context = context;
    this.#reportsIn = reportsIn;
  }

  /** The expiries of a copy: the reports here count there as well, for they come there later. */
  at(copy: Storage): Expiries {
    const known =
      this.#copies.get(copy) ?? new Expiries({ ...this.#context, storage: copy }, [copy, this.#context.storage]);
    this.#copies.set(copy, known);
    return known;
  }

  /** Whether it is proven that the point left as it should, or that a person knows of its loss. */
  async explain(id: BackupId): Promise<boolean> {
    if (this.#givenUp.has(id)) return true;
    const stone = await this.#context.storage.stat(layout.tombstone(layout.manifest(id)));
    const isStone = stone !== undefined && (await this.#isAuthentic(id, stone));
    if (isStone && this.#isTaken(id)) return true;
    for (const report of await this.#unread(stone?.modifiedAt)) {
      await this.#add(report);
      if (this.#givenUp.has(id) || (isStone && this.#isTaken(id))) return true;
    }
    return false;
  }

  #isTaken(id: BackupId): boolean {
    return this.#taken.has(id) || [...this.#cutAt].some((oldest) => id < oldest);
  }

  async #isAuthentic(id: BackupId, { key, version }: ObjectInfo): Promise<boolean> {
    if (this.#stones.get(key) === version) return true;
    try {
      if (!isAuthenticManifest(id, await this.#context.storage.read(key), this.#context)) return false;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return false;
    }
    this.#stones.set(key, version);
    return true;
  }

  /** Those first that were written when the tombstone was. */
  async #unread(near: Date | undefined): Promise<StoredReport[]> {
    const unread: StoredReport[] = [];
    for (const storage of this.#reportsIn)
      for (const type of [expiryReport, evidenceReport])
        for await (const object of ownObjects(storage, layout.reportsOf(type)))
          if (!this.#read.has(nameOf({ storage, object }))) unread.push({ storage, object });
    const distance = ({ object: { modifiedAt } }: StoredReport): number =>
      Math.abs(modifiedAt.getTime() - (near?.getTime() ?? 0));
    return unread.toSorted((a, b) => distance(a) - distance(b));
  }

  async #add(stored: StoredReport): Promise<void> {
    try {
      const report = await readReport(stored.storage, stored.object.key, this.#context.secrets);
      for (const id of textsOf(report['points'])) (report['givenUp'] === true ? this.#givenUp : this.#taken).add(id);
      for (const points of removedIn(report)) {
        for (const id of points) this.#taken.add(id);
        const [oldest] = points.toSorted();
        if (points.length >= evidenceShows && oldest !== undefined) this.#cutAt.add(oldest);
      }
    } catch (error) {
      // A damaged one explains nothing.
      if (!isUnreadable(error)) throw error;
    }
    this.#read.add(nameOf(stored));
  }
}

function nameOf({ storage, object: { key, version } }: StoredReport): string {
  return `${storage.description} ${key} ${version}`;
}

/** The points that a run of retention says to have removed, by place. */
function removedIn({ removed }: Report): string[][] {
  if (!Array.isArray(removed)) return [];
  return removed.map((place: JsonValue) => textsOf((place as { readonly points?: JsonValue } | null)?.points));
}

function textsOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
