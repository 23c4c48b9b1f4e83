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

/** Codes that stand where the type of a value may stand. */
export const op = {
  slotInfo: 0xf4,
  function2: 0xf5,
  moduleAux: 0xf7,
  idle: 0xf8,
  frequency: 0xf9,
  aux: 0xfa,
  resize: 0xfb,
  expireMs: 0xfc,
  expire: 0xfd,
  select: 0xfe,
  end: 0xff,
};
