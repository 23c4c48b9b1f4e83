/**
 * The one helper by which activities report that they live and how far they are. A timer beats (every 2 s, not every
 * chunk); the details carry progress for people and the resume cursor for the next attempt. Small and versioned.
 */
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { ReportProgress } from '../../src/domain/progress.ts';

export interface BeatDetails {
  readonly v: 1;
  readonly phase: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Mean over the attempt. */
  readonly bytesPerSecond: number;
  readonly note: string;
  /** Packs that this or an earlier attempt made durable: the resume cursor of a capture. */
  readonly packs: readonly string[];
}

export interface Beat {
  readonly report: ReportProgress;
  readonly packs: (packs: readonly string[]) => void;
  readonly signal: AbortSignal;
  /** What the last attempt told last. */
  readonly last: BeatDetails | undefined;
}

const beatMs = 2000;
/**
 * For archiving and watching, which go on for ever: the server writes each beat to its database, and of an appliance at
 * rest these are nearly all that it writes. Three of them fit into the heartbeat timeout of `continuous`.
 */
export const endlessBeatMs = 10_000;
/** The cursor stays far below Temporal's payload limits: 500 names of 64 characters are 32 KB. */
const packsKept = 500;

export async function withHeartbeat<T>(work: (beat: Beat) => Promise<T>, everyMs = beatMs): Promise<T> {
  const last = readLast();
  const began = performance.now();
  let details: BeatDetails = {
    v: 1,
    phase: 'starting',
    bytesDone: 0,
    bytesTotal: 0,
    bytesPerSecond: 0,
    note: '',
    packs: last?.packs ?? [],
  };
  const beat = (): void => heartbeat(details);
  beat();
  const timer = setInterval(beat, everyMs);
  try {
    const result = await work({
      report: ({ phase, bytesDone, bytesTotal, note }) => {
        const seconds = Math.max(0.001, (performance.now() - began) / 1000);
        // A new phase and the first bytes are told at once: a watcher sees at a glance that it moves.
        const isNews = phase !== details.phase || (bytesDone > 0 && details.bytesDone === 0);
        details = {
          ...details,
          phase,
          bytesDone,
          bytesTotal,
          bytesPerSecond: Math.round(bytesDone / seconds),
          note: note ?? '',
        };
        if (isNews) beat();
      },
      packs: (packs) => {
        details = { ...details, packs: packs.slice(-packsKept) };
      },
      signal: cancellationSignal(),
      last,
    });
    return result;
  } catch (error) {
    // The last details outlive a thrown error only if they were sent.
    beat();
    throw error;
  } finally {
    clearInterval(timer);
  }
}

function readLast(): BeatDetails | undefined {
  const details: unknown = activityInfo().heartbeatDetails;
  return typeof details === 'object' && details !== null && 'v' in details && details.v === 1
    ? (details as BeatDetails)
    : undefined;
}
