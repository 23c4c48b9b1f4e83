/**
 * Looks for records that make or drop a tablespace before archived WAL is given to a private server: replaying one would
 * empty or create a folder of the live server. Only what is replayed counts: a record behind the moment that the
 * recovery stops at is let pass.
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LifeboatError } from '../../../domain/errors.ts';
import { formatLsn, parseLsn, segmentOf } from '../../../domain/lsn.ts';
import type { RecoveryGoal } from '../server/private-config.ts';
import { lacksWaldump, waldump } from '../restore/tablespace-wal.ts';
import type { ServerPrograms } from '../server/programs.ts';
import type { WalSource } from './source.ts';

/** A recovery is given a few segments more than it asks for: the moment it stops at lies in one of these. */
const keptSegments = 6;
/** No record of a tablespace is longer: where one crosses into a segment, it begins that far before at most. */
const longestRecord = 16_384n;

export interface GuardOptions {
  readonly source: WalSource;
  readonly programs: ServerPrograms;
  readonly segmentBytes: number;
  /** What lies before is in the base itself. */
  readonly from: { readonly timeline: number; readonly lsn: bigint };
  readonly goal: RecoveryGoal;
  readonly component: string;
}

export interface TablespaceGuard {
  readonly source: WalSource;
  /** Removes what it kept. */
  end(): Promise<void>;
}

/** Lets everything pass where the installation has no pg_waldump; the plan says so. */
export async function guardTablespaces(options: GuardOptions): Promise<TablespaceGuard> {
  if ((await lacksWaldump(options.programs)) !== undefined)
    return { source: options.source, end: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-wal-'));
  return new Guard(options, folder);
}

type Manager = 'Tablespace' | 'Transaction' | 'XLOG';

interface WalRecord {
  readonly lsn: bigint;
  readonly text: string;
}

interface Kept {
  readonly name: string;
  readonly timeline: number;
  readonly start: bigint;
}

class Guard implements TablespaceGuard {
  readonly #options: GuardOptions;
  readonly #folder: string;
  #kept: Kept[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: GuardOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  source: WalSource = async (name) => {
    const start = segmentOf(name, this.#options.segmentBytes);
    const fetching = this.#options.source(name);
    if (start === undefined) return fetching;
    // It may fail before its turn: nobody listens until then, and that would end the process.
    fetching.catch(() => undefined);
    // Fetched side by side, looked at in the order in which they were asked for.
    const looking = this.#turn.then(async () => {
      const bytes = await fetching;
      if (bytes !== undefined)
        await this.#look({ name, timeline: Number.parseInt(name.slice(0, 8), 16), start }, bytes);
      return bytes;
    });
    this.#turn = looking.catch(() => undefined);
    return looking;
  };

  async end(): Promise<void> {
    await this.#turn;
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #look(segment: Kept, bytes: Buffer): Promise<void> {
    await writeFile(join(this.#folder, segment.name), bytes, { mode: 0o600 });
    this.#kept = [...this.#kept.filter(({ name }) => name !== segment.name), segment];
    for (const old of this.#kept.slice(0, -keptSegments)) await rm(join(this.#folder, old.name), { force: true });
    this.#kept = this.#kept.slice(-keptSegments);
    const { timeline } = segment;
    for (const record of await this.#tablespaceRecords(segment))
      if (
        this.#isBehindBase(timeline, record.lsn) &&
        (await touchesLive(record.text)) &&
        !(await this.#stopsBefore(timeline, record.lsn))
      )
        throw this.#refusal(record.text);
  }

  /** One that crosses into the segment begins before it. From within the zeros behind a switch nothing is found at all. */
  async #tablespaceRecords(segment: Kept): Promise<readonly WalRecord[]> {
    const { timeline, start } = segment;
    const isFollowing = this.#has(timeline, start - BigInt(this.#options.segmentBytes));
    const both = isFollowing
      ? await this.#find('Tablespace', timeline, start - longestRecord, this.#endOf(segment))
      : undefined;
    return both ?? this.#records('Tablespace', timeline, start, this.#endOf(segment));
  }

  #isBehindBase(timeline: number, lsn: bigint): boolean {
    const { from } = this.#options;
    return timeline !== from.timeline || lsn >= from.lsn;
  }

  /** Whether the recovery ends before it would replay the record. */
  async #stopsBefore(timeline: number, lsn: bigint): Promise<boolean> {
    const { stopAt } = this.#options.goal;
    if (stopAt === undefined) return false;
    if (stopAt.kind === 'lsn') return lsn >= parseLsn(stopAt.value);
    const own = this.#kept.filter((each) => each.timeline === timeline);
    let begin = own.find(({ start }) => start <= lsn && lsn < start + BigInt(this.#options.segmentBytes))?.start ?? lsn;
    while (this.#has(timeline, begin - BigInt(this.#options.segmentBytes))) begin -= BigInt(this.#options.segmentBytes);
    const records = await this.#records(stopAt.kind === 'time' ? 'Transaction' : 'XLOG', timeline, begin, lsn);
    return records.some(({ text }) =>
      stopAt.kind === 'time' ? committedAfter(text, stopAt.value) : text.includes(`RESTORE_POINT ${stopAt.value}`),
    );
  }

  #has(timeline: number, start: bigint): boolean {
    return this.#kept.some((each) => each.timeline === timeline && each.start === start);
  }

  #endOf({ start }: Kept): bigint {
    return start + BigInt(this.#options.segmentBytes);
  }

  async #records(manager: Manager, timeline: number, from: bigint, to: bigint): Promise<readonly WalRecord[]> {
    return (await this.#find(manager, timeline, from, to)) ?? [];
  }

  /**
   * Undefined where there is no record to begin at. The end of what is archived may lie within a record: what can be read
   * before it is.
   */
  async #find(manager: Manager, timeline: number, from: bigint, to: bigint): Promise<readonly WalRecord[] | undefined> {
    const range = ['--timeline', `${timeline}`, '--start', formatLsn(from), '--end', formatLsn(to)];
    const args = ['--path', this.#folder, '--rmgr', manager, ...range];
    const { stdout, stderr } = await this.#options.programs.run(waldump, args, { env: { TZ: 'UTC' } });
    if (stderr.includes('could not find a valid record')) return undefined;
    return stdout.split('\n').flatMap((line) => {
      const match = /\blsn: ([0-9A-F]+\/[0-9A-F]+), .*?\bdesc: (.*)$/.exec(line);
      return match === null ? [] : [{ lsn: parseLsn(match[1]!), text: match[2]! }];
    });
  }

  #refusal(record: string): LifeboatError {
    return new LifeboatError('Precondition', `the archived WAL on the way there changes a tablespace: ${record}`, {
      component: this.#options.component,
      hint: 'choose an earlier moment, or a recovery point whose base was made after it: `lifeboat backups list`',
    });
  }
}

/** `CREATE 16403 "/path"` empties what lies there; on a host where there is nothing, nothing is lost. */
async function touchesLive(text: string): Promise<boolean> {
  const location = /^CREATE \d+ "(.*)"$/.exec(text)?.[1];
  if (location === undefined) return true;
  return (await readdir(location).catch(() => [])).length > 0;
}

/** `COMMIT 2026-11-28 19:16:23.269000 UTC; …` */
function committedAfter(text: string, time: string): boolean {
  const committed = /^(?:COMMIT|COMMIT_PREPARED)\b.*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC/.exec(text)?.[1];
  return committed !== undefined && Date.parse(`${committed.replace(' ', 'T')}Z`) > Date.parse(time);
}
