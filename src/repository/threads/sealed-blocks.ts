/** The blocks of one job, cut from its slab: each with its digest, new ones sealed into frames behind the plaintext. */
import { hash } from 'node:crypto';
import { bundleBytes, bundleEntryBytes, bundledBytes, digestOfBundle, encodeBundle } from '../bundle.ts';
import { IdLookup, type SharedIds } from '../block-table.ts';
import { frameKinds, type FrameKind, type Sealer } from '../frame.ts';
import type { SealedBlocksResult } from './jobs.ts';
import { slabBlocks, slabPlainBytes } from './slab.ts';

/** The level that keeps up with two cores: higher ones cost more time than the disk they save. */
const compressionLevel = 1;

export class SealedBlocks {
  readonly #slab: Uint8Array;
  readonly #sealer: Sealer;
  readonly #known: readonly IdLookup[];
  /** Blocks of this job by their digest: what comes again is not sealed again. */
  readonly #own = new Set<string>();
  readonly #blocks = new Uint32Array(slabBlocks * 3);
  readonly #digests = Buffer.alloc(slabBlocks * 32);
  #count = 0;
  readonly #frames: number[] = [];
  readonly #frameDigests: Buffer[] = [];
  #output = slabPlainBytes;
  /** Numbers of the blocks that wait for others to share a frame with, and their bytes. */
  #waiting: { readonly block: number; readonly plain: Uint8Array }[] = [];
  #waitingBytes = 0;

  constructor(slab: Uint8Array, sealer: Sealer, known: readonly SharedIds[]) {
    this.#slab = slab;
    this.#sealer = sealer;
    this.#known = known.map((ids) => new IdLookup(ids));
  }

  /** `plain` stays where it is until `finish`. */
  add(plain: Uint8Array, sharesFrames: boolean): void {
    const digest = hash('sha256', plain, 'buffer');
    const block = this.#count;
    this.#count += 1;
    this.#digests.set(digest, block * 32);
    this.#blocks.set([0, 0, plain.length], block * 3);
    if (this.#isKnown(digest)) return;
    if (!sharesFrames || plain.length > bundledBytes) {
      this.#seal([block], { kind: frameKinds.block, plain, digest });
      return;
    }
    this.#waiting.push({ block, plain });
    this.#waitingBytes += plain.length;
    if (this.#waitingBytes >= bundleBytes) this.#sealWaiting();
  }

  finish(): SealedBlocksResult {
    this.#sealWaiting();
    return {
      blocks: this.#blocks.slice(0, this.#count * 3),
      digests: new Uint8Array(this.#digests.subarray(0, this.#count * 32)),
      frames: Uint32Array.from(this.#frames),
      frameDigests: new Uint8Array(Buffer.concat(this.#frameDigests)),
    };
  }

  #isKnown(digest: Buffer): boolean {
    const name = digest.toString('latin1');
    if (this.#own.has(name)) return true;
    this.#own.add(name);
    return this.#known.some((ids) => ids.has(digest));
  }

  #sealWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const [only] = waiting;
    if (only === undefined) return;
    const digestOf = (block: number): Buffer => this.#digests.subarray(block * 32, block * 32 + 32);
    if (waiting.length === 1) {
      this.#seal([only.block], { kind: frameKinds.block, plain: only.plain, digest: digestOf(only.block) });
      return;
    }
    const plain = encodeBundle(
      waiting.map((each) => each.plain.length),
      Buffer.concat(waiting.map((each) => each.plain)),
    );
    const digest = digestOfBundle(Buffer.concat(waiting.map(({ block }) => digestOf(block))));
    this.#seal(
      waiting.map(({ block }) => block),
      { kind: frameKinds.bundle, plain, digest },
    );
  }

  /** The blocks stand in the frame one after the other. */
  #seal(
    blocks: readonly number[],
    content: { readonly kind: FrameKind; readonly plain: Uint8Array; readonly digest: Buffer },
  ): void {
    const length = this.#sealer.seal({ ...content, level: compressionLevel }, this.#slab, this.#output);
    const isBundle = content.kind === frameKinds.bundle;
    this.#frames.push(this.#output, length, content.plain.length, isBundle ? 1 : 0);
    this.#frameDigests.push(content.digest);
    this.#output += length;
    let at = isBundle ? bundleEntryBytes * (blocks.length + 1) : 0;
    for (const block of blocks) {
      this.#blocks[block * 3] = this.#frameDigests.length;
      this.#blocks[block * 3 + 1] = at;
      at += this.#blocks[block * 3 + 2] ?? 0;
    }
  }
}
