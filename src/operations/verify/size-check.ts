/**
 * L2: is a recovery point of a plausible size? Against its own history, which knows the appliance, and against the
 * ranges of the guide, which know a usual one and are told, never held against a point.
 */
import { formatBytes } from '../../domain/duration.ts';
import type { BackupType, Manifest } from '../../domain/recovery-point.ts';

/** D2.1–D2.3, bytes of the whole. */
const guideRanges: Partial<Record<BackupType, readonly [number, number]>> = {
  full: [5e9, 10e9],
  incremental: [100e6, 500e6],
  configuration: [10e6, 50e6],
};

const historyLength = 10;
/** With fewer earlier copies nobody knows what is usual. */
const minHistory = 3;
/** A tenth of the usual is no change any more: something was not captured. */
const failsBelow = 0.1;
const toldBelow = 0.5;
const toldAbove = 2;

export interface SizeCheck {
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

/** `earlier` are good points, newest first. */
export function checkSizes({ lifeboat }: Manifest, earlier: readonly Manifest[]): SizeCheck {
  const problems: string[] = [];
  const notes: string[] = [];
  for (const { id, bytes } of lifeboat.components) {
    const history = earlier
      .flatMap((manifest) => manifest.lifeboat.components.filter((record) => record.id === id && !record.suspect))
      .slice(0, historyLength)
      .map((record) => record.bytes)
      .sort((a, b) => a - b);
    const usual = history[Math.floor(history.length / 2)] ?? 0;
    if (history.length < minHistory || usual === 0) continue;
    const text = `${id}: ${formatBytes(bytes)}, usually ${formatBytes(usual)}`;
    if (bytes < usual * failsBelow) problems.push(`${text}: less than a tenth of it was captured`);
    else if (bytes < usual * toldBelow || bytes > usual * toldAbove) notes.push(text);
  }
  const range = guideRanges[lifeboat.type];
  const total = lifeboat.components.reduce((sum, component) => sum + component.bytes, 0);
  if (range !== undefined && (total < range[0] || total > range[1]))
    notes.push(
      `${formatBytes(total)} in all; the guide expects ${formatBytes(range[0])} to ${formatBytes(range[1])} of a ${lifeboat.type} backup`,
    );
  return { problems, notes };
}
