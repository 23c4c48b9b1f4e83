import { expect, test } from 'vitest';
import { LifeboatError } from '../../../src/domain/errors.ts';
import type { WalPiece } from '../../../src/domain/wal.ts';
import { requireOneHistory } from '../../../src/drivers/postgres/wal/one-history.ts';
import { readAgreeing } from '../../../src/drivers/postgres/wal/same-history.ts';
import type { WalArchive } from '../../../src/repository/repository.ts';

const at = (startLsn: bigint, text: string) => ({
  piece: { timeline: 1, startLsn, endLsn: startLsn + BigInt(text.length) },
  bytes: Buffer.from(text),
});

function archiveOf(stretches: readonly ReturnType<typeof at>[]): [WalArchive, WalPiece[]] {
  const source = { component: 'postgres', systemId: '1', segmentBytes: 1024 * 1024 };
  const read = async (piece: WalPiece) => {
    const { bytes } = stretches.find((each) => each.piece === piece)!;
    if (bytes.includes('!')) throw new LifeboatError('ObjectCorrupt', 'damaged');
    return { bytes };
  };
  return [{ source, read } as unknown as WalArchive, stretches.map(({ piece }) => piece)];
}

test('pieces that overlap under other names agree with each other and with the server, or are told', async () => {
  const [archive, pieces] = archiveOf([at(0n, 'abcd'), at(2n, 'cdef'), at(6n, 'gh'), at(0n, 'a!')]);
  const { sound, damaged } = await readAgreeing(archive, pieces, at(0n, 'abcde'));
  expect(sound).toEqual(pieces.slice(0, 3));
  expect(damaged).toHaveLength(1);

  const conflict = (text: string) => ({ code: 'WalConflict', message: expect.stringContaining(text) as string });
  const mixed = archiveOf([at(0n, 'abcd'), at(3n, 'Def')]);
  await expect(readAgreeing(...mixed)).rejects.toMatchObject(
    conflict('from 0/3 to 0/6 on timeline 1 than another archived piece'),
  );
  await expect(readAgreeing(archive, pieces, at(3n, 'dE'))).rejects.toMatchObject(conflict('than the server has'));
});

test('a recovery is not given a segment into which a second server put longer parts, or the whole', async () => {
  const given = async (text: string, stretches: Parameters<typeof archiveOf>[0], endLsn: bigint) => {
    const [archive, pieces] = archiveOf(stretches);
    const segment = { bytes: Buffer.from(text), endLsn: BigInt(text.length), damage: undefined };
    return requireOneHistory(archive, pieces, { segment, timeline: 1, startLsn: 0n, endLsn });
  };
  const own = [at(0n, 'abcd'), at(4n, 'ef')];
  await given('abcdef', own, 6n);
  await given('abcdefgh', [...own, at(2n, 'cdef!')], 8n);
  const told = { code: 'WalConflict', message: expect.stringContaining('holds WAL of two servers') as string };
  const longer = [...own, at(0n, 'aXcdef')];
  await expect(given('aXcdef', longer, 6n)).rejects.toMatchObject(told);
  await given('aXcdef', longer, 1n);
  await expect(given('abcdXYZ', own, 7n), 'the whole segment is of the other').rejects.toMatchObject(told);
});
