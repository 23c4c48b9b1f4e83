/** What `doctor` finds of the recovery points of the repository. */
import { isRefuted, type BackupId } from '../../domain/recovery-point.ts';
import { isAhead } from '../../domain/seal-order.ts';
import { ownPoints, sharedHint, sharedText } from '../../domain/whose-point.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import { smallAtOnce } from '../../repository/at-once.ts';
import type { Repository } from '../../repository/repository.ts';
import { clockOf } from '../../storage/clock.ts';
import { lostHint, lostOf } from '../recovery-points/lost.ts';
import { lostFailures, lostFailureText, type LostFailure } from '../verify/lost-proofs.ts';
import type { Finding } from '../../domain/finding.ts';
import type { ManifestListing } from '../../repository/manifest-listing.ts';

const name = 'recovery points';

/** So many are named one by one. */
const shown = 5;

/** What is wrong with them; one line where nothing is. */
export async function pointFindings(repository: Repository, sealed: ReadonlyMap<BackupId, string>): Promise<Finding[]> {
  const listings = await repository.listManifests();
  const lost = await lostOf(repository, { reports: 'all', sealed });
  const wrong = [
    ...sharedFindings(listings),
    ...unreadableOf(listings),
    ...aheadFindings(listings, await clockOf(repository.storage)),
    ...lostFindings(lost),
    ...failureFindings(await lostFailures(repository)),
  ];
  const newest = ownPoints(listings).find(({ success }) => success);
  if (newest === undefined)
    return wrong.length > 0
      ? wrong
      : [{ name, level: 'warn', text: 'there is none yet', hint: 'run `lifeboat backups run`' }];
  const against = [
    ...(await proofFindings(repository, newest.timestamp)),
    ...(await lackingProofs(
      repository,
      listings.flatMap(({ manifest }) => manifest?.timestamp ?? []).filter((id) => id !== newest.timestamp),
    )),
  ];
  if (wrong.length + against.length > 0) return [...wrong, ...against];
  return [{ name, level: 'ok', text: `${listings.length}, newest ${newest.timestamp}` }];
}

function sharedFindings(listings: readonly ManifestListing[]): Finding[] {
  const text = sharedText(listings);
  return text === undefined ? [] : [{ name, level: 'fail', text, hint: sharedHint }];
}

function unreadableOf(listings: readonly ManifestListing[]): Finding[] {
  const damaged = listings.filter(({ manifest, isGone }) => manifest === undefined && isGone !== true);
  if (damaged.length === 0) return [];
  return [
    {
      name,
      level: 'fail',
      text: `${damaged.map(({ timestamp }) => timestamp).join(', ')} cannot be read`,
      hint: 'see `lifeboat backups list`; a copy in a location may have whole manifests, under the same keys',
    },
  ];
}

function aheadFindings(listings: readonly ManifestListing[], now: Date): Finding[] {
  const ahead = listings.filter(({ manifest, timestamp }) => manifest !== undefined && isAhead(timestamp, now));
  if (ahead.length === 0) return [];
  const ids = ahead.slice(0, shown).map(({ timestamp }) => timestamp);
  const text = `${ids.join(', ')}${ahead.length > shown ? ` and ${ahead.length - shown} more` : ''}: dated ahead of the storage's clock, which says ${now.toISOString().slice(0, 19)}Z`;
  const hint =
    'one of the clocks was or is wrong: set it; `latest` takes what was sealed last, and `--at` takes any point by name';
  return [{ name, level: 'warn', text, hint }];
}

function lostFindings(lost: readonly ManifestListing[]): Finding[] {
  if (lost.length === 0) return [];
  const texts = lost.slice(0, shown).map(({ problem = '' }) => problem);
  const more = lost.length > shown ? [`and ${lost.length - shown} more`] : [];
  return [{ name, level: 'fail', text: [...texts, ...more].join('; '), hint: lostHint }];
}

function failureFindings(failures: readonly LostFailure[]): Finding[] {
  return failures.map((failure) => ({
    name,
    level: 'fail',
    text: lostFailureText(failure),
    hint: `verify it again: \`lifeboat verify ${failure.id}\``,
  }));
}

/** What the proofs of the newest point say against it, and why some say nothing. */
async function proofFindings(repository: Repository, timestamp: string): Promise<Finding[]> {
  const state = await repository.pointState(timestamp);
  const { problems } = await repository.knownProofs(timestamp);
  const refuted: Finding = {
    name,
    level: 'fail',
    text:
      state === 'failed'
        ? `the verification of the newest, ${timestamp}, failed`
        : `the newest, ${timestamp}, is quarantined`,
    hint: `\`lifeboat backups show ${timestamp}\` names what is damaged; \`lifeboat backups run\` stores it anew`,
  };
  const unread: Finding = {
    name,
    level: 'warn',
    text: `a proof of the newest cannot be believed: ${problems.join('; ')}`,
    hint: `verify it again: \`lifeboat verify ${timestamp}\``,
  };
  return [...(isRefuted(state) ? [refuted] : []), ...(problems.length > 0 ? [unread] : [])];
}

/** What is gone or damaged among the proofs of older points: a failure that stands is told by `backups list`. */
async function lackingProofs(repository: Repository, ids: readonly BackupId[]): Promise<Finding[]> {
  const proofs = await repository.proofBook();
  const all = await inLanes(smallAtOnce, ids, async (id) => ({ id, problems: (await proofs.known(id)).problems }));
  const lacking = all.filter(({ problems }) => problems.length > 0);
  return lacking.slice(0, shown).map(({ id, problems }) => ({
    name,
    level: 'warn',
    text: `of ${id}: ${problems.join('; ')}`,
    hint: `verify it again: \`lifeboat verify ${id}\``,
  }));
}
