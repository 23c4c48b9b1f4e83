/**
 * Gives a large buffer that nobody uses any more back at once. Sealing and opening make two for each block, and threads
 * that wait for garbage collection would hold a hundred megabytes of them. A view into `source` is left alone.
 */
export function freeBytes(bytes: Uint8Array, source?: Uint8Array): void {
  const { buffer } = bytes;
  // Small buffers may be slices of Node's pool.
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength > Math.max(Buffer.poolSize, 65_536);
  if (isOwn && buffer !== source?.buffer) buffer.transfer(0);
}
