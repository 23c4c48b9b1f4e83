/**
 * The lease on one component's live data: a file beside the journal, created if absent, that names holder and token.
 * Its content never changes; its modification time is the holder's heartbeat, set through the open file, so that a
 * holder who was replaced while it slept renews nothing. Whether the heart still beats is seen by waiting, never by
 * comparing times: clocks are set, and those of two hosts differ. The file stays after release: its token is the highest
 * seen.
 */
import {
  closeSync,
  futimesSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  fchownSync,
  fsyncSync,
} from 'node:fs';
import { lstat, mkdir } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { LifeboatError } from '../../domain/errors.ts';
import { Unchanged } from '../../domain/unchanged.ts';
import { parseJson } from '../../json/parse-json.ts';
import { leaseName } from './names.ts';
import { isProvenDead, ownIdentity, type ProcessIdentity } from '../../programs/process-identity.ts';
import { compareTokens, describeToken, fencingTokenSchema } from './token.ts';
import type { FencingToken } from '../../domain/fencing-token.ts';
import type { SwapTuning } from './target-types.ts';

export interface Lease {
  /** Synchronous, so that nothing of this process comes between it and the act that follows. Fenced if the lease is lost. */
  guard(): void;
}

export interface LeaseRequest {
  readonly component: string;
  readonly anchor: string;
  readonly token: FencingToken;
  readonly tuning: SwapTuning;
}

/** What is more stands in no file of ours. */
const longestMs = 10 * 60_000;

const identitySchema: z.ZodType<ProcessIdentity> = z.object({
  host: z.string(),
  bootId: z.string(),
  pidNamespace: z.string(),
  timeNamespace: z.string().exactOptional(),
  pid: z.number(),
  startedAt: z.string(),
});

const leaseSchema = z.object({
  nonce: z.string(),
  holder: identitySchema,
  token: fencingTokenSchema,
  leaseMs: z.number().positive().max(longestMs),
});

type LeaseContent = z.infer<typeof leaseSchema>;

/** The time 0, which no heartbeat has. */
const releasedTime = new Date(0);

/** Runs the work while the lease is held. Fenced (a higher token was here), LockHeld (a living holder goes on too long). */
export async function withLease<T>(request: LeaseRequest, work: (lease: Lease) => Promise<T>): Promise<T> {
  await mkdir(request.anchor, { recursive: true });
  const held = await acquire(request);
  // A third of the lease: two renewals may be late before anybody takes over.
  const timer = setInterval(() => held.renew(), Math.max(50, held.leaseMs / 3));
  try {
    return await work(held);
  } finally {
    clearInterval(timer);
    held.release();
  }
}

async function acquire(request: LeaseRequest): Promise<Lease & { leaseMs: number; renew(): void; release(): void }> {
  const { component, anchor, token, tuning } = request;
  const path = join(anchor, leaseName(component));
  const leaseMs = tuning.leaseMs ?? 15_000;
  const deadline = performance.now() + (tuning.waitMs ?? 60_000);
  const content: LeaseContent = { nonce: randomBytes(12).toString('hex'), holder: ownIdentity(), token, leaseMs };
  const owner = process.getuid?.() === 0 ? await lstat(anchor) : undefined;
  const temporary = `${path}.${content.nonce}.tmp`;
  const file = openSync(temporary, 'wx', 0o600);
  const unchanged = new Unchanged();
  try {
    // An engine's own backup may read the folder: what is in it must be readable by the folder's owner.
    if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
    writeFileSync(file, JSON.stringify(content));
    fsyncSync(file);
    for (;;) {
      tuning.signal?.throwIfAborted();
      futimesSync(file, new Date(), new Date());
      const present = readLease(path, component);
      if (present === undefined) {
        if (createExclusively(temporary, path)) break;
        continue;
      }
      refuseLower(token, present.content.token, component);
      const stoodStillMs = unchanged.look(present.heartbeat, performance.now());
      if (present.isFree || stoodStillMs > present.content.leaseMs) {
        // Two may come this far; the later rename wins, and the other notices at its next guard.
        renameSync(temporary, path);
        if (readLease(path, component)?.content.nonce === content.nonce) break;
        throw lost(component, token);
      }
      if (performance.now() > deadline) {
        throw new LifeboatError(
          'LockHeld',
          `${describeToken(present.content.token)} (pid ${present.content.holder.pid}) works on the live data of \`${component}\``,
          { component },
        );
      }
      await delay(50, undefined, tuning.signal === undefined ? {} : { signal: tuning.signal });
    }
  } catch (error) {
    closeSync(file);
    rmSync(temporary, { force: true });
    throw error;
  }
  const renew = (): void => futimesSync(file, new Date(), new Date());
  return {
    leaseMs,
    renew,
    guard() {
      const present = readLease(path, component);
      if (present?.content.nonce !== content.nonce) throw lost(component, token, present?.content.token);
      renew();
    },
    release() {
      futimesSync(file, releasedTime, releasedTime);
      closeSync(file);
    },
  };
}

interface Present {
  readonly content: LeaseContent;
  /** Released, or its holder is known to be dead. */
  readonly isFree: boolean;
  /** Changes with each renewal. */
  readonly heartbeat: string;
}

function readLease(path: string, component: string): Present | undefined {
  try {
    const content = leaseSchema.parse(parseJson(readFileSync(path, 'utf8')));
    const { mtimeNs } = statSync(path, { bigint: true });
    return {
      content,
      isFree: mtimeNs === 0n || isProvenDead(content.holder),
      heartbeat: `${content.nonce} ${mtimeNs}`,
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const what = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new LifeboatError('Precondition', `the lease file \`${path}\` cannot be read: ${what}`, {
      component,
      hint: 'when no restore runs on this host, remove the file',
      cause: error,
    });
  }
}

/** Create-if-absent with content: a hard link never replaces anything. */
function createExclusively(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  rmSync(temporary);
  return true;
}

function refuseLower(token: FencingToken, seen: FencingToken, component: string): void {
  const order = compareTokens(token, seen);
  if (order === 'lower') throw lost(component, token, seen);
  if (order === 'conflict') {
    throw new LifeboatError(
      'Fenced',
      `two runs claim one lock on \`${component}\`: ${describeToken(token)} and ${describeToken(seen)}`,
      {
        component,
        hint: 'start the restore again; its new lock orders the runs',
      },
    );
  }
}

function lost(component: string, token: FencingToken, by?: FencingToken): LifeboatError {
  const newer = by === undefined ? 'somebody else' : describeToken(by);
  return new LifeboatError('Fenced', `${describeToken(token)} lost the live data of \`${component}\` to ${newer}`, {
    component,
  });
}
