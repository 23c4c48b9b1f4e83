/**
 * For how long the same was seen, by the looker's own steady clock: what anybody's wall clock says takes no part. Between
 * two looks no more counts than a look may take: who stood still itself, as a stopped process or a paused machine does,
 * has seen nothing meanwhile.
 */
const maxBetweenLooksMs = 5_000;

export class Unchanged {
  #version: string | undefined;
  #ms = 0;
  #lookedAt = 0;

  /** Milliseconds for which each look found this version. `now` never goes back. */
  look(version: string, now: number): number {
    const isSame = version === this.#version;
    this.#ms = isSame ? this.#ms + Math.min(now - this.#lookedAt, maxBetweenLooksMs) : 0;
    this.#version = version;
    this.#lookedAt = now;
    return this.#ms;
  }
}
