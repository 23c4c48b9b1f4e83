/**
 * Restoring a component that is one folder: staged beside it, checked there, then swapped as a whole.
 * What happens between staging and swap is the driver's own.
 */
import { access, chmod, chown, constants, stat } from 'node:fs/promises';
import { reservedFolder } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import type { DriverEnvironment, RestoreContext, RestoreTarget, StageFacts } from '../driver.ts';
import { readOwners } from '../files/owners.ts';
import {
  findStaged,
  makeStaging,
  markStaged,
  removeStaging,
  stagedOrRemoved,
  stagingPath,
  type StagedReceipt,
} from '../swap/staging.ts';
import { clearLive, swapBack, swapIn, swapState } from '../swap/swap.ts';
import { restoreTargetOf } from '../swap/target.ts';
import { giveOwnAttributes } from './folder-attributes.ts';
import { ensureRoom, notDamaged } from './room.ts';
import type { FolderOwner } from './walk-folder.ts';
import type { SwapTarget } from '../swap/target-types.ts';

export interface FolderComponent {
  readonly component: string;
  /** The live folder. */
  readonly path: string;
  readonly tuning: DriverEnvironment['swap'];
  /** What is wrong with the live data; empty where it is good. `--replace-damaged` deletes no good data. */
  readonly damage: () => Promise<readonly string[]>;
}

const runsAsRoot = process.getuid?.() === 0;

/** Room, device and everything that would stop a restore, found before it begins. */
export async function describeFolderTarget(
  { path }: Pick<FolderComponent, 'path'>,
  record: ComponentRecord,
): Promise<RestoreTarget> {
  const target = await restoreTargetOf({ live: path, needBytes: record.bytes });
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isDirectory()) return target;
  const problem = {
    code: 'Precondition',
    message: `\`${path}\` is not a folder`,
    hint: 'configure the folder itself',
  };
  return { ...target, problems: [...target.problems, problem] };
}

/**
 * Fetches and verifies every file. A complete staging of an earlier attempt of this run is used again.
 * NoSpace before the first byte; Precondition where `--replace-damaged` meets good data.
 */
export async function stageFolder(
  folder: FolderComponent,
  context: RestoreContext,
  owner: FolderOwner,
): Promise<StageFacts> {
  const target = targetOf(folder, context);
  const { indexId, bytes, files } = context.record;
  const known = await findStaged(target, indexId);
  if (known !== undefined) return { bytes, files, facts: { reused: true }, notes: notesOf(known) };
  const replace = {
    damaged: async () => damagedOnly(folder),
    clear: async () => clearLive(target),
  };
  const needs = new Map([[folder.path, await bytesInIndex(context)]]);
  await ensureRoom(needs, {
    component: folder.component,
    removeLeftovers: async () => removeStaging(target),
    ...(context.replaceDamaged ? { replace } : {}),
  });
  return stagedOrRemoved(target, async () => fetchFolder(folder, context, owner));
}

async function fetchFolder(folder: FolderComponent, context: RestoreContext, owner: FolderOwner): Promise<StageFacts> {
  const target = targetOf(folder, context);
  const { indexId } = context.record;
  const staged = await makeStaging(folder.path, folder.component, context.token);
  const result = await context.repository.materialize({
    indexId,
    into: staged,
    owner: runsAsRoot ? 'recorded' : 'self',
    onProgress: context.onProgress,
    signal: context.signal,
  });
  if (runsAsRoot) {
    const { uid, gid } = (await readOwners()).resolve(owner);
    await chown(staged, uid, gid);
  }
  const notes = [...result.notes, ...(await giveOwnAttributes(staged, owner, folder.component))];
  await chmod(staged, owner.mode);
  await markStaged(target, { source: indexId, staged: { [folder.path]: staged }, facts: { notes } });
  return { bytes: result.bytes, files: result.files, facts: {}, notes };
}

/** What a person was told when it was staged; a receipt of an older version has none. */
export function notesOf({ facts: { notes } }: StagedReceipt): string[] {
  return Array.isArray(notes) ? notes.map(String) : [];
}

/** Bytes that the index itself names: the plan was made with the manifest's sum. */
async function bytesInIndex({ repository, record, signal }: RestoreContext): Promise<number> {
  let bytes = 0;
  for await (const entry of repository.readIndex(record.indexId, signal)) {
    if (entry.type === 'file' && !entry.path.startsWith(`${reservedFolder}/`)) bytes += entry.size;
  }
  return bytes;
}

async function damagedOnly({ component, path, damage }: FolderComponent): Promise<readonly string[]> {
  if ((await damage()).length > 0) return [path];
  throw notDamaged([path], component);
}

/** The folder that `stageFolder` filled. Precondition where this run staged nothing. */
export async function stagedFolder(folder: FolderComponent, context: RestoreContext): Promise<string> {
  const receipt = await findStaged(targetOf(folder, context), context.record.indexId);
  const staged = receipt?.staged[folder.path];
  if (staged === undefined) {
    throw new LifeboatError('Precondition', `nothing is staged for \`${folder.path}\` in run ${context.token.runId}`, {
      component: folder.component,
    });
  }
  return staged;
}

/** Does nothing where this run's swap is already done; goes on where an earlier attempt was killed in it. */
export async function swapFolder(folder: FolderComponent, context: RestoreContext): Promise<void> {
  const target = targetOf(folder, context);
  const receipt = await findStaged(target, context.record.indexId);
  // After a swap the staged folder is gone from its place: then its name only tells which swap is meant.
  const staged = receipt?.staged[folder.path] ?? (await stagingPath(folder.path, folder.component, context.staged));
  await swapIn({ ...target, pairs: [{ live: folder.path, staged }] });
}

/** Goes on where the run's signal was aborted: it is what puts the old data back. */
export async function undoFolder(folder: FolderComponent, { token }: RestoreContext): Promise<void> {
  const { component, path, tuning = {} } = folder;
  const target = { component, lives: [path], token, tuning };
  await swapBack(target);
  await removeStaging(target);
}

export async function commitFolder(
  folder: FolderComponent,
  context: RestoreContext,
): Promise<{ readonly safetyCopies: readonly string[] }> {
  const target = targetOf(folder, context);
  await removeStaging(target);
  return { safetyCopies: (await swapState(target)).ownCopies };
}

export async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

function targetOf({ component, path, tuning }: FolderComponent, { token, signal }: RestoreContext): SwapTarget {
  return { component, lives: [path], token, tuning: { ...tuning, signal } };
}
