/**
 * Takes full packs and makes them durable while capture goes on: name (SHA-256, on a thread) → stage → barrier in
 * batches → read back, every frame authenticated at its address. A failure stays and is thrown to the next caller.
 */
import { LifeboatError } from '../../domain/errors.ts';
import type { StagedObject, Storage } from '../../storage/storage.ts';
import type { Sealer } from '../frame.ts';
import { layout } from '../layout.ts';
import type { PackBuilder } from '../pack.ts';
import type { ThreadPool } from '../threads/pool.ts';
import type { PackRecord } from '../index-head.ts';

/** Packs on their way at once; the writer waits for room. Bounds memory to this many packs and their read-back. */
const packsInFlight = 2;

interface SunkPack {
  readonly staged: StagedObject;
  readonly id: string;
  readonly pack: PackBuilder;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export class PackSink {
  readonly #storage: Storage;
  readonly #pool: ThreadPool;
  readonly #sealer: Sealer;
  readonly #committed: string[] = [];
  readonly #running = new Set<Promise<void>>();
  #toCommit: SunkPack[] = [];
  #isCommitting = false;
  #failure: { readonly error: unknown } | undefined;
  #storedBytes = 0;

  constructor(storage: Storage, pool: ThreadPool, sealer: Sealer) {
    this.#storage = storage;
    this.#pool = pool;
    this.#sealer = sealer;
  }

  /** Packs that are durable and were read back. */
  get committed(): readonly string[] {
    return this.#committed;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Returns when there is room for the next pack; `named` learns what the pack is called. The memory is given back. */
  async push(pack: PackBuilder, named: (record: PackRecord) => void): Promise<void> {
    const run = this.#store(pack, named).catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#running.add(run);
    void run.then(() => this.#running.delete(run));
    while (this.#running.size >= packsInFlight && this.#failure === undefined) await Promise.race(this.#running);
    this.#throwFailure();
  }

  async finish(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  /** Waits for what is under way; what was not committed is dropped. */
  async abandon(): Promise<void> {
    this.#failure ??= { error: new LifeboatError('Aborted', 'the capture was given up') };
    await Promise.all(this.#running);
  }

  async #store(pack: PackBuilder, named: (record: PackRecord) => void): Promise<void> {
    try {
      this.#throwFailure();
      const tail = pack.tail(this.#sealer);
      const { sha256: id } = await this.#pool.run('digest', { bytes: pack.bytes, tail });
      named({ id, size: pack.size + tail.length });
      await this.#storeNamed(pack, id, tail);
      this.#committed.push(id);
    } finally {
      this.#pool.packMemory.give(this, pack.memory);
    }
  }

  async #storeNamed(pack: PackBuilder, id: string, tail: Uint8Array): Promise<void> {
    const staged = await this.#storage.stage(layout.pack(id));
    try {
      await staged.append(pack.bytes);
      await staged.append(tail);
      this.#storedBytes += staged.size;
      await new Promise<void>((done, failed) => this.#enqueue({ staged, id, pack, done, failed }));
    } catch (error) {
      await staged.discard().catch(() => undefined);
      throw error;
    }
  }

  #enqueue(pack: SunkPack): void {
    this.#toCommit.push(pack);
    if (!this.#isCommitting) void this.#commitAll();
  }

  /** One barrier for all packs that wait: what comes meanwhile shares the next one. */
  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    while (this.#toCommit.length > 0) {
      const batch = this.#toCommit;
      this.#toCommit = [];
      try {
        if (this.#failure !== undefined) throw this.#failure.error;
        await this.#storage.commit(batch.map(({ staged }) => staged));
      } catch (error) {
        for (const { failed } of batch) failed(error);
        continue;
      }
      for (const pack of batch) this.#readBack(pack).then(pack.done, pack.failed);
    }
    this.#isCommitting = false;
  }

  /** Into the memory that was written from, each frame spoiled first: what is not read cannot pass for it. */
  async #readBack({ id, pack }: SunkPack): Promise<void> {
    const key = layout.pack(id);
    pack.spoil();
    await this.#storage.readInto(key, 0, pack.bytes);
    const { frames, digests, bundles } = pack.frames();
    const look = { full: false, digest: false } as const;
    const { bad } = await this.#pool.run('verify', { bytes: pack.bytes, frames, digests, bundles, ...look });
    const [first] = bad;
    if (first !== undefined) {
      throw new LifeboatError(
        'ObjectCorrupt',
        `object ${key}, read back at once, is not what was written: ${first.message}`,
      );
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
