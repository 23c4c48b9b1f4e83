/** The head of an index: which packs its blocks lie in. */

export interface PackRecord {
  /** Name and SHA-256 of the stored bytes. */
  readonly id: string;
  readonly size: number;
}

/** The packs that an index needs, by the numbers of its references. Numbers are kept from index to index. */
export type PackTable = ReadonlyMap<number, PackRecord>;

/** The first line of an index. */
export interface IndexHead {
  readonly component: string;
  readonly packs: PackTable;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
  readonly blocks: number;
}
