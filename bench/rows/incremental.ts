/**
 * Cost follows the change: an incremental backup against a full one of the same appliance, in time and in stored bytes
 * (archived WAL counted), and a restore through 200 MB of WAL. The archive runs all the time, as it does in life.
 */
import { wireParts, type Parts } from '../../workers/parts.ts';
import { isFailed } from '../../src/domain/probes.ts';
import { formatLsn } from '../../src/domain/lsn.ts';
import { baseEndOf } from '../../src/domain/wal.ts';
import type { ComponentRecord } from '../../src/domain/recovery-point.ts';
import { walBases } from '../../src/operations/wal/continuity.ts';
import { timed, type Bench } from '../bench.ts';
import { flushedTo, pageBytes, pagesChangedSince } from '../data/server.ts';
import { updateRows, type UpdateKind } from '../data/updates.ts';
import { databaseOf, startArchiving, type Archiving } from '../lifeboat/archiving.ts';
import { backUp, since } from '../lifeboat/backup.ts';
import { initLifeboat } from '../lifeboat/lifeboat.ts';
import { contexts } from '../lifeboat/restore.ts';

const changedShare = 0.01;
const walGoal = 200_000_000n;

/** Begins on a reset appliance. */
export async function measureIncremental(bench: Bench): Promise<void> {
  const { data } = bench;
  await initLifeboat(data);
  const parts = wireParts(data.appliance);
  const archiving = await startArchiving(data, {
    repository: await parts.repository(),
    sealEverySeconds: databaseOf(data).wal.sealEverySeconds,
  });
  try {
    await timed(bench, 'incremental-full/lifeboat', async () => {
      const { seconds, storedBytes, parts: times } = await backUp(parts);
      for (const [part, value] of Object.entries(times)) bench.record.add(`incremental-full/lifeboat ${part}`, value);
      bench.record.add('bytes/incremental-full', storedBytes);
      return seconds;
    });
    await measureChange(bench, parts, archiving, 'range');
    // Before the scattered change: that one alone writes more WAL than the point in time is to be measured with.
    if (bench.wants('pitr')) await measurePointInTime(bench, parts, archiving);
    await measureChange(bench, parts, archiving, 'scattered');
  } finally {
    await archiving.stop();
    await parts.close();
  }
}

async function measureChange(bench: Bench, parts: Parts, archiving: Archiving, kind: UpdateKind): Promise<void> {
  const { data, record } = bench;
  const before = await flushedTo(data);
  const walBefore = await walBytes(parts);
  const rows = await updateRows(data, kind, changedShare);
  const pages = await pagesChangedSince(data, before);
  bench.say(`${rows} rows updated (${kind}), ${pages} pages changed`);
  await archiving.reaches(await flushedTo(data));
  await timed(bench, `incremental-${kind}/lifeboat`, async () => {
    const { seconds, storedBytes, parts: times } = await backUp(parts, 'incremental');
    for (const [part, value] of Object.entries(times)) record.add(`incremental-${kind}/lifeboat ${part}`, value);
    record.add(`bytes/incremental-${kind}`, storedBytes + (await walBytes(parts)) - walBefore);
    record.add(`bytes/incremental-${kind}-pages`, pages * pageBytes);
    return seconds;
  });
}

/** From the base through at least 200 MB of archived WAL to the last position: fetched, recovered, proven. */
async function measurePointInTime(bench: Bench, parts: Parts, archiving: Archiving): Promise<void> {
  const { data } = bench;
  const repository = await parts.repository();
  const { id } = databaseOf(data);
  const record = (await walBases(repository, id))[0]?.record;
  const base = record === undefined ? undefined : baseEndOf(record);
  if (record === undefined || base === undefined) throw new Error('there is no base to restore from');
  while ((await flushedTo(data)) - base.stopLsn < walGoal) await updateRows(data, 'range', changedShare);
  const end = await flushedTo(data);
  await archiving.reaches(end);
  bench.record.add('bytes/pitr-wal', Number(end - base.stopLsn));
  await timed(bench, 'pitr/lifeboat', async () => recover(bench, parts, record, { timeline: base.timeline, end }));
}

async function recover(
  { record: measured }: Bench,
  parts: Parts,
  record: ComponentRecord,
  { timeline, end }: { readonly timeline: number; readonly end: bigint },
): Promise<number> {
  const driver = await parts.driver(record.id);
  const value = formatLsn(end);
  const context = contexts(await parts.repository(), new Date().toISOString(), {
    kind: 'lsn',
    value,
    timeline,
    endLsn: value,
  });
  const began = performance.now();
  await driver.stage(context(record, 1));
  const staged = since(began);
  const probes = await driver.validate(context(record, 2));
  const seconds = since(began);
  measured.add('pitr/lifeboat stage', staged);
  measured.add('pitr/lifeboat recover', seconds - staged);
  await driver.undo(context(record, 9));
  const failed = probes.filter(isFailed);
  if (failed.length > 0) throw new Error(`probes failed: ${JSON.stringify(failed)}`);
  return seconds;
}

async function walBytes(parts: Parts): Promise<number> {
  let bytes = 0;
  for await (const { size } of (await parts.repository()).storage.list('wal/')) bytes += size;
  return bytes;
}
