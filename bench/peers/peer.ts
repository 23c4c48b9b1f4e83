/** What every program that Lifeboat is measured against says of itself. */

/** Seconds; setting up and cleaning away is not timed. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  /** The commands with every flag, as they are run. */
  readonly flags: readonly string[];
}
