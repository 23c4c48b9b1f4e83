/**
 * The watch over the watch, without Temporal: is what can be restored as young as was promised, and does somebody look?
 * Run by cron or a systemd timer at least every five minutes, it notices a missed run within a tenth of an objective of
 * an hour, also when worker and server are both dead. What it told last stands in a file of its own on this host.
 */
import { z } from 'zod';
import type { Appliance } from '../../domain/appliance.ts';
import { formatDuration } from '../../domain/duration.ts';
import { levelsOf, rpoNews } from '../../domain/rpo.ts';
import { maxSkewSeconds } from '../../domain/skew.ts';
import type { Repository } from '../../repository/repository.ts';
import { lostOf } from '../recovery-points/lost.ts';
import { lastRpoState, readRpo, rpoLevelsSchema } from './readings.ts';
import { readStateFile, writeStateFile } from '../state-file.ts';

/** Three looks of `rpoWatch`. */
const silentAfterSeconds = 15 * 60;
/** What is still wrong is said again. */
const remindAfterSeconds = 24 * 3600;

export interface WatchdogReport {
  /** All that is wrong now. */
  readonly problems: readonly string[];
  /** What is to be told now: news since the last look, or a reminder. */
  readonly news: readonly string[];
}

const toldFile = 'watchdog.json';

const toldSchema = z.object({ at: z.iso.datetime(), levels: rpoLevelsSchema, silent: z.boolean() });
type Told = z.infer<typeof toldSchema>;

/**
 * Reads the repository, and the file of the last look; changes nothing before `told` is called. While `rpoWatch` looks,
 * telling is its work: here only its silence is news, and what became of the objectives since.
 */
export async function watchdog(
  open: () => Promise<Repository>,
  appliance: Appliance,
  now: Date,
): Promise<WatchdogReport & { readonly told: () => Promise<void> }> {
  const before = await readStateFile(appliance, toldFile, toldSchema);
  const { readings, levels, silence, toldByWatch, lost } = await look(open, appliance, now);
  const missed = rpoNews(
    readings.filter(({ level }) => level === 'breached'),
    {},
  );
  const problems = [...missed, ...lost, ...(silence === '' ? [] : [silence])];
  const isDue = before === undefined || now.getTime() - Date.parse(before.at) > remindAfterSeconds * 1000;
  const isNew = silence !== '' && (before?.silent !== true || isDue);
  const since = isNew ? toldByWatch : (before?.levels ?? toldByWatch);
  const news = silence === '' ? [] : [...(isNew ? [silence] : []), ...rpoNews(readings, since)];
  return {
    problems,
    news,
    // The time of the last message, not of the last look: a reminder comes a day after it.
    told: async () =>
      writeStateFile(appliance, toldFile, {
        at: news.length > 0 || before === undefined ? now.toISOString() : before.at,
        levels,
        silent: silence !== '',
      } satisfies Told),
  };
}

async function look(open: () => Promise<Repository>, appliance: Appliance, now: Date) {
  try {
    const repository = await open();
    const readings = await readRpo(repository, appliance, now);
    const state = await lastRpoState(repository);
    const last = state?.at;
    const silentSeconds = last === undefined ? undefined : (now.getTime() - Date.parse(last)) / 1000;
    return {
      readings,
      toldByWatch: state?.levels ?? {},
      levels: levelsOf(readings),
      silence: silenceOf(silentSeconds),
      lost: (await lostOf(repository, { reports: 'recent' })).map(({ problem = '' }) => `GONE: ${problem}`),
    };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { readings: [], toldByWatch: {}, levels: {}, lost: [], silence: `REPOSITORY NOT READABLE: ${text}` };
  }
}

function silenceOf(silentSeconds: number | undefined): string {
  if (silentSeconds === undefined)
    return 'NOBODY WATCHES: rpoWatch has never run; a worker makes its schedule when it starts: `lifeboat worker`';
  if (silentSeconds > silentAfterSeconds)
    return `NOBODY WATCHES: rpoWatch last ran ${formatDuration(silentSeconds)} ago; are worker and Temporal alive?`;
  // A clock that was ahead must not let it be silent for as long.
  if (silentSeconds < -maxSkewSeconds)
    return `NOBODY KNOWS WHO WATCHES: the last look of rpoWatch is dated ${formatDuration(-silentSeconds)} ahead of this clock; set the clocks`;
  return '';
}
