import { expect, test } from 'vitest';
import type { WalPiece } from '../../../src/domain/wal.ts';
import { whereToStart } from '../../../src/drivers/postgres/wal/where-to-start.ts';

const segmentBytes = 0x100;
const piece = (startLsn: number, endLsn: number, timeline = 1): WalPiece => ({
  timeline,
  startLsn: BigInt(startLsn),
  endLsn: BigInt(endLsn),
});

function start(pieces: readonly WalPiece[], lookBack: boolean, serverTimeline = 1) {
  const history = serverTimeline === 1 ? [] : [{ timeline: 1, switchLsn: 0x480n }];
  return whereToStart({ pieces, serverTimeline, history, segmentBytes, lookBack });
}

test('a server is asked for what follows the archive, and for what it ends with, to be compared', () => {
  expect(start([piece(0x200, 0x300), piece(0x300, 0x380)], true)).toEqual({
    timeline: 1,
    startLsn: 0x300n,
    sealedTo: 0x380n,
  });
});

test('at a boundary the segment before it is compared, where it is archived and the server still has it', () => {
  const pieces = [piece(0x200, 0x300), piece(0x300, 0x400)];
  expect(start(pieces, true)).toEqual({ timeline: 1, startLsn: 0x300n, sealedTo: 0x400n });
  expect(start(pieces, false)).toEqual({ timeline: 1, startLsn: 0x400n, sealedTo: 0x400n });
  expect(start([piece(0x380, 0x400)], true)).toEqual({ timeline: 1, startLsn: 0x400n, sealedTo: 0x400n });
});

test('of an ancestor only what lies before the switch counts', () => {
  expect(start([piece(0x300, 0x400)], true, 2)).toMatchObject({ timeline: 1, sealedTo: 0x400n });
  expect(start([piece(0x300, 0x500)], true, 2)).toEqual({ timeline: 2, startLsn: 0x400n, sealedTo: 0x400n });
  expect(start([], true)).toBeUndefined();
});
