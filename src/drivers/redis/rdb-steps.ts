/** What the reader of a dump and the readers of its values share. */

/** What makes a dump unreadable. `kind` tells damage from a format that is newer than this reader. */
export class RdbError extends Error {
  readonly kind: 'corrupt' | 'unknown';

  constructor(kind: 'corrupt' | 'unknown', message: string) {
    super(message);
    this.name = 'RdbError';
    this.kind = kind;
  }
}

/** A step asks for bytes by yielding how many it needs at its position. */
export type Steps<T> = Generator<number, T, void>;
