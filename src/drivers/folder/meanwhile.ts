/** What changed or went while a component was read: counted in the manifest, named in the sealed facts. */

/** As many temporary files as there are may come and go. */
const maxNamed = 1000;

export interface ChangedMeanwhile {
  /** The first files that changed while they were read, twice. Points of older versions may not say. */
  readonly changed?: readonly string[];
  /** The first of what was listed, and gone or something else when it was read. Points of older versions do not say. */
  readonly vanished?: readonly string[];
}

export class Meanwhile {
  readonly #changed: string[] = [];
  readonly #vanished: string[] = [];
  #changedCount = 0;
  #vanishedCount = 0;

  changed(path: string): void {
    this.#changedCount++;
    if (this.#changed.length < maxNamed) this.#changed.push(path);
  }

  vanished(path: string): void {
    this.#vanishedCount++;
    if (this.#vanished.length < maxNamed) this.#vanished.push(path);
  }

  get hasVanished(): boolean {
    return this.#vanishedCount > 0;
  }

  /** Whether nothing was met: what was read may then belong together. */
  get isStill(): boolean {
    return this.#changedCount + this.#vanishedCount === 0;
  }

  /** For the manifest, in the clear. */
  get facts(): { readonly changedDuringRead: number; readonly vanishedDuringRead?: number } {
    const vanished = this.#vanishedCount;
    return { changedDuringRead: this.#changedCount, ...(vanished === 0 ? {} : { vanishedDuringRead: vanished }) };
  }

  get sealedFacts(): ChangedMeanwhile & { readonly changed: readonly string[] } {
    return { changed: this.#changed, ...(this.#vanished.length === 0 ? {} : { vanished: this.#vanished }) };
  }
}
