/** The header of a FAISS index file, as far as it is the same for the kinds that a vector store uses. Little-endian. */

/** Flat indexes by their first four bytes: L2, inner product, and any other metric. */
const flatKinds = ['IxF2', 'IxFI', 'IxFl'];
/** Flat, IVF, HNSW and NSG indexes of floats, and what wraps one: the same header follows the kind. */
const commonHeader = /^I[xwHN]/;
/** kind 4, dimension 4, count 8, unused 16, trained 1, metric 4 */
const commonBytes = 37;
const metricAt = 33;
/** Metrics above the second have an argument, 4 bytes. Then a flat index has the number of its floats, 8 bytes. */
const argumentBytes = 4;
const lengthBytes = 8;

/** So many bytes at the beginning of a file are enough. */
export const indexHeaderBytes = commonBytes + argumentBytes + lengthBytes;

export interface IndexHeader {
  /** Four letters. */
  readonly kind: string;
  /** Undefined for a kind with another header. */
  readonly counts: { readonly dimension: number; readonly total: number } | undefined;
  /** Where the vectors of a flat index begin, and where the file ends. Undefined for other kinds. */
  readonly flat: { readonly begin: number; readonly end: number } | undefined;
}

/** Undefined where it is too short for any index. */
export function parseIndexHeader(bytes: Buffer): IndexHeader | undefined {
  if (bytes.length < indexHeaderBytes) return undefined;
  const kind = bytes.toString('latin1', 0, 4);
  if (!commonHeader.test(kind)) return { kind, counts: undefined, flat: undefined };
  const counts = { dimension: bytes.readInt32LE(4), total: Number(bytes.readBigInt64LE(8)) };
  if (!flatKinds.includes(kind)) return { kind, counts, flat: undefined };
  const begin = commonBytes + (bytes.readInt32LE(metricAt) > 1 ? argumentBytes : 0) + lengthBytes;
  return { kind, counts, flat: { begin, end: begin + counts.total * counts.dimension * 4 } };
}

/** Whether it begins an index that has its vectors within itself and wraps no other one. */
export function holdsVectors(bytes: Buffer): boolean {
  return parseIndexHeader(bytes)?.flat !== undefined;
}
