/**
 * One component's bytes: driver → repository writer → sealed index. What a capture activity, the benchmark and the
 * tests all call. May run twice: packs and indexes are content-addressed, a killed attempt leaves garbage only.
 */
import { emptiedText } from '../../domain/capture-notes.ts';
import { describeLeftOut, leftOutOf, type LeftOutCounts } from '../../domain/left-out.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { ComponentRecord, Receipt } from '../../domain/recovery-point.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { Repository } from '../../repository/repository.ts';

export interface CaptureOptions {
  readonly repository: Repository;
  readonly driver: Driver;
  readonly host: string;
  readonly backupId: string;
  /** The same component in the newest recovery point. */
  readonly previous: ComponentRecord | undefined;
  /** Reads and hashes a share of the unchanged files again: bits rot in silence. */
  readonly rehash?: boolean;
  /** Packs that an earlier attempt made durable. */
  readonly resumePacks: readonly string[];
  /** Called with the packs that are durable now, with every progress report. */
  readonly onProgress: (state: Parameters<ReportProgress>[0], committedPacks: readonly string[]) => void;
  readonly signal: AbortSignal;
}

/** Unchanged files are read and hashed again once in this many backups. */
const rehashParts = 30;
/** A receipt is small; more of the same tells nothing new. */
const maxWarnings = 10;

export async function captureComponent(options: CaptureOptions): Promise<Receipt> {
  const { repository, driver, backupId, previous, signal } = options;
  let committed: () => readonly string[] = () => [];
  // The writer knows the bytes, the driver what is being done and how much there is.
  let phase = 'capturing';
  const bytesTotal = previous?.bytes ?? (await driver.estimate().catch(() => ({ bytes: 0 }))).bytes;
  const onWritten: ReportProgress = ({ bytesDone }) =>
    options.onProgress({ phase, bytesDone, bytesTotal: Math.max(bytesTotal, bytesDone) }, committed());
  const onPhase: ReportProgress = (state) => {
    phase = state.phase;
  };
  const warnings: string[] = [];
  const writer = await repository.writeComponent({
    backupId,
    componentId: driver.component,
    blockSize: driver.blockSize,
    // People compare models with the digests that their makers publish.
    wholeDigests: driver.kind === 'models',
    ...(previous === undefined
      ? {}
      : {
          previousIndexId: previous.indexId,
          ...((options.rehash ?? true)
            ? { rehash: { part: dayNumber(backupId) % rehashParts, parts: rehashParts } }
            : {}),
        }),
    resumePacks: options.resumePacks,
    onProgress: onWritten,
    onWarning: (message) => void (warnings.length < maxWarnings && warnings.push(message.slice(0, 300))),
    signal,
  });
  committed = () => writer.committedPacks();
  try {
    const captured = await driver.capture({
      writer,
      backupId,
      repository,
      ...(previous === undefined ? {} : { previous }),
      onProgress: onPhase,
      signal,
    });
    const summary = await writer.finish();
    const { leftOut } = summary;
    const newlyLeftOut = [
      ...addedTo(previous === undefined ? {} : leftOutOf(previous.facts), leftOut),
      ...(captured.facts['emptied'] === previous?.facts['emptied'] ? [] : emptiedText(captured.facts)),
    ].join(', ');
    return {
      id: driver.component,
      kind: driver.kind,
      host: options.host,
      indexId: summary.indexId,
      files: summary.files,
      bytes: summary.bytes,
      storedBytes: summary.storedBytes,
      capturedFrom: captured.capturedFrom.toISOString(),
      capturedUntil: captured.capturedUntil.toISOString(),
      quiescence: captured.quiescence,
      suspect: captured.suspect ?? false,
      facts: { ...captured.facts, ...(Object.keys(leftOut).length === 0 ? {} : { leftOut }) },
      ...(warnings.length === 0 ? {} : { notes: warnings }),
      ...(newlyLeftOut === '' ? {} : { newlyLeftOut }),
    };
  } catch (error) {
    // What the capture failed on is the news; a storage that fails here too has staged files to be swept later.
    await writer.abandon().catch(() => undefined);
    throw error;
  }
}

/** Kinds of which more are left out than in the recovery point before, in words; none or one text. */
function addedTo(before: LeftOutCounts, now: LeftOutCounts): string[] {
  const text = describeLeftOut(
    Object.fromEntries(Object.entries(now).filter(([what, count]) => count > (before[what] ?? 0))),
  );
  return text === '' ? [] : [text];
}

/** Days since the epoch of a backup id: the rolling re-hash takes another share every day. */
function dayNumber(backupId: string): number {
  return Math.floor(
    Date.UTC(Number(backupId.slice(0, 4)), Number(backupId.slice(4, 6)) - 1, Number(backupId.slice(6, 8))) / 86_400_000,
  );
}
