import { expect, test } from 'vitest';
import type { WalPiece } from '../../../src/domain/wal.ts';
import { reliedOn, whereToStart } from '../../../src/drivers/postgres/wal/where-to-start.ts';

const segmentBytes = 0x100;
const piece = (startLsn: number, endLsn: number, timeline = 1): WalPiece => ({
  timeline,
  startLsn: BigInt(startLsn),
  endLsn: BigInt(endLsn),
});

interface Asked {
  readonly lookBack?: boolean;
  readonly serverTimeline?: number;
  readonly restart?: number;
}

/** By default the server has forgotten nothing that it was told to forget: the slot stands at the end. */
function start(pieces: readonly WalPiece[], { lookBack = true, serverTimeline = 1, restart = 0x800 }: Asked = {}) {
  const history = serverTimeline === 1 ? [] : [{ timeline: 1, switchLsn: 0x480n }];
  return whereToStart({ pieces, serverTimeline, history, restartLsn: BigInt(restart), segmentBytes, lookBack });
}

test('a server is asked for what follows the archive, and for what it ends with, to be compared', () => {
  expect(start([piece(0x200, 0x300), piece(0x300, 0x380)])).toEqual({
    timeline: 1,
    startLsn: 0x300n,
    sealedTo: 0x380n,
  });
});

test('at a boundary the segment before it is compared, where it is archived and the server still has it', () => {
  const pieces = [piece(0x200, 0x300), piece(0x300, 0x400)];
  expect(start(pieces)).toEqual({ timeline: 1, startLsn: 0x300n, sealedTo: 0x400n });
  expect(start(pieces, { lookBack: false })).toEqual({ timeline: 1, startLsn: 0x400n, sealedTo: 0x400n });
  expect(start([piece(0x380, 0x400)])).toEqual({ timeline: 1, startLsn: 0x400n, sealedTo: 0x400n });
});

test('of an ancestor only what lies before the switch counts', () => {
  expect(start([piece(0x300, 0x400)], { serverTimeline: 2 })).toMatchObject({ timeline: 1, sealedTo: 0x400n });
  expect(start([piece(0x300, 0x500)], { serverTimeline: 2 })).toEqual({
    timeline: 2,
    startLsn: 0x400n,
    sealedTo: 0x400n,
  });
  expect(start([])).toBeUndefined();
});

test('what the server still has is asked for where the archive has a hole, whatever it holds behind it', () => {
  const pieces = [piece(0x200, 0x310), piece(0x400, 0x500), piece(0x500, 0x600)];
  expect(start(pieces, { restart: 0x308 })).toMatchObject({ startLsn: 0x300n, sealedTo: 0x310n });
  expect(start(pieces, { restart: 0x380 })).toMatchObject({ startLsn: 0x300n, sealedTo: 0x310n });
  expect(start(pieces, { restart: 0x480 })).toMatchObject({ startLsn: 0x500n, sealedTo: 0x600n });
  expect(start(pieces.slice(1), { restart: 0x380 }), 'nothing leads there').toBeUndefined();
  const switched = [piece(0x300, 0x480), piece(0x400, 0x510, 2), piece(0x600, 0x700, 2)];
  expect(start(switched, { serverTimeline: 2, restart: 0x380 })).toMatchObject({ timeline: 2, sealedTo: 0x510n });
});

test('a start relies on all that the server would forget, and on what the archive ends with', () => {
  const pieces = [0x100, 0x200, 0x300, 0x400, 0x500].map((at) => piece(at, at + 0x100));
  const relied = (restart: number, end: number) => {
    const known = pieces.filter(({ endLsn }) => endLsn <= BigInt(end));
    const question = {
      pieces: [...known, piece(0x900, 0xa00), piece(0x500, 0x600, 2)],
      serverTimeline: 1,
      history: [],
      restartLsn: BigInt(restart),
      segmentBytes,
      lookBack: true,
    };
    return reliedOn(whereToStart(question), question).map(({ startLsn }) => Number(startLsn));
  };
  expect(relied(0x380, 0x600), 'also what lies apart').toEqual([0x300, 0x400, 0x500, 0x900]);
  expect(relied(0x800, 0x600), 'the slot is new').toEqual([0x500, 0x900]);
});
