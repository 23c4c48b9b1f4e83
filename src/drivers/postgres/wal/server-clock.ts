/**
 * Until when, by the server's clock, everything that it had written lies before a position. Data says so at once: it comes
 * with the end of what is flushed. A keepalive says only how far was sent, and more may have been flushed then: it counts
 * when the answer to a later question names the same position, for in between the server would have sent. Later means
 * asked after the first was read, with no other question open: a server whose output is blocked answers without sending.
 */

export interface Mark {
  readonly lsn: bigint;
  /** By the server's clock. */
  readonly time: Date;
}

/** How exact times are kept; more of them would only be walked through. */
const apartMs = 1000;

export class ServerClock {
  #covered: Mark | undefined;
  /** Positions that are not durable yet, ascending, with their times. */
  #ahead: Mark[] = [];
  /** The mark of the last keepalive since data came. */
  #heard: Mark | undefined;
  /** Questions without an answer. */
  #open = 0;
  /** Whether the one that is open was asked after `#heard`, alone. */
  #isConfirming = false;

  /** The server had flushed up to `lsn` at `time`. */
  flushed(lsn: bigint, time: Date): void {
    this.#heard = undefined;
    this.#add({ lsn, time });
  }

  /** The server is asked how far it is. */
  asked(): void {
    this.#isConfirming = this.#open === 0 && this.#heard !== undefined;
    this.#open += 1;
  }

  /** The server had sent up to `lsn` at `time`; by itself where it `isAsking`. */
  sent(lsn: bigint, time: Date, isAsking: boolean): void {
    if (this.#isConfirming && !isAsking && this.#heard?.lsn === lsn) this.#add(this.#heard);
    this.#isConfirming = false;
    this.#heard = { lsn, time };
    if (!isAsking) this.#open = Math.max(0, this.#open - 1);
  }

  /** Everything before `durable` is stored. */
  cover(durable: bigint): void {
    const stored = this.#ahead.findLastIndex(({ lsn }) => lsn <= durable);
    if (stored === -1) return;
    this.#covered = this.#ahead[stored];
    this.#ahead = this.#ahead.slice(stored + 1);
  }

  /** Undefined before anything was covered. */
  get covered(): Mark | undefined {
    return this.#covered;
  }

  /** The newest moment until which everything lies before the position. */
  timeAt(position: bigint): Date | undefined {
    const ahead = this.#ahead.findLast(({ lsn }) => lsn <= position);
    return (ahead ?? (this.#covered !== undefined && this.#covered.lsn <= position ? this.#covered : undefined))?.time;
  }

  #add(mark: Mark): void {
    const before = this.#ahead.at(-2);
    if (before !== undefined && mark.time.getTime() - before.time.getTime() < apartMs) this.#ahead.pop();
    this.#ahead.push(mark);
  }
}
