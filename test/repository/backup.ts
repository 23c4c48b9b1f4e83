/** A whole backup of a real tree in a few lines, and a description of a tree that two can be compared by. */
import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import type { EntryMeta } from '../../src/domain/entry.ts';
import type { BackupId, BackupType, ComponentRecord, Manifest } from '../../src/domain/recovery-point.ts';
import type { KeySource } from '../../src/repository/keys.ts';
import type { ComponentWriter, Repository, WriteOptions, WriteSummary } from '../../src/repository/repository.ts';

export const testKey = { mode: 'key', key: new Uint8Array(32).fill(9) } as const satisfies KeySource;

let owners = 0;

export async function reserve(repository: Repository, time = new Date()): Promise<BackupId> {
  owners += 1;
  return repository.reserve(time, `test-${owners}`);
}

export interface Backup {
  readonly id: BackupId;
  readonly record: ComponentRecord;
  readonly manifest: Manifest;
  readonly reusedFiles: number;
}

export interface BackupOptions extends Partial<WriteOptions> {
  readonly previous?: ComponentRecord;
  readonly time?: Date;
  readonly type?: BackupType;
  readonly appliance?: string;
}

/** A whole backup of one component: reserve, capture, seal, close the intent. */
export async function backUp(
  repository: Repository,
  fill: (writer: ComponentWriter) => Promise<void>,
  options: BackupOptions = {},
): Promise<Backup> {
  const { previous, time, type = 'full', appliance, ...writeOptions } = options;
  const id = writeOptions.backupId ?? (await reserve(repository, time));
  const capturedFrom = new Date().toISOString();
  const writer = await repository.writeComponent({
    backupId: id,
    componentId: 'files',
    blockSize: 64 * 1024,
    ...(previous !== undefined && { previousIndexId: previous.indexId }),
    ...writeOptions,
  });
  const { indexId, files, bytes, storedBytes, reusedFiles } = await captureInto(writer, fill);
  const record: ComponentRecord = {
    id: 'files',
    kind: 'files',
    host: 'main',
    indexId,
    files,
    bytes,
    storedBytes,
    capturedFrom,
    capturedUntil: new Date().toISOString(),
    quiescence: 'quiesced',
    suspect: false,
    facts: {},
  };
  const manifest = await sealRecords(repository, id, [record], [], type, appliance);
  await repository.closeIntent(id);
  return { id, record, manifest, reusedFiles };
}

async function captureInto(
  writer: ComponentWriter,
  fill: (writer: ComponentWriter) => Promise<void>,
): Promise<WriteSummary> {
  try {
    await fill(writer);
    return await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

export async function sealRecords(
  repository: Repository,
  id: BackupId,
  components: readonly ComponentRecord[],
  failures: Manifest['lifeboat']['failures'] = [],
  type: BackupType = 'full',
  appliance = 'test',
): Promise<Manifest> {
  return repository.seal({
    timestamp: id,
    configuration: { appliance: 'test' },
    body: {
      appliance,
      type,
      tool: 'lifeboat test',
      startedAt: new Date().toISOString(),
      components,
      failures,
      workflow: null,
    },
  });
}

/** Captures a folder by name bytes: folders, files, symbolic links, hard links by inode. */
export async function addTree(writer: ComponentWriter, root: string): Promise<void> {
  const firstNames = new Map<bigint, EntryMeta>();
  const files: Promise<unknown>[] = [];
  for (const { path, full } of await walk(root)) {
    const facts = await lstat(full, { bigint: true });
    const name = path.toString('utf8');
    const isText = Buffer.from(name).equals(path);
    const meta = {
      path: name,
      ...(!isText && { pathBase64: path.toString('base64') }),
      mode: Number(facts.mode & 0o7777n),
      mtimeNs: facts.mtimeNs.toString(),
      uid: Number(facts.uid),
      gid: Number(facts.gid),
    };
    const first = firstNames.get(facts.ino);
    if (facts.isDirectory()) await writer.add({ ...meta, type: 'directory' });
    else if (facts.isSymbolicLink()) await writer.add({ ...meta, type: 'symlink', target: await readlink(full) });
    else if (first !== undefined) {
      await writer.add({
        ...meta,
        type: 'hardlink',
        target: first.path,
        ...(first.pathBase64 !== undefined && { targetBase64: first.pathBase64 }),
      });
    } else {
      const entry = { ...meta, type: 'file' } as const;
      if (facts.nlink > 1n) firstNames.set(facts.ino, entry);
      files.push(writer.fromDisk(entry, full));
    }
  }
  await Promise.all(files);
}

/** What a tree is, line by line: type, mode, time to the microsecond, link count, content. */
export async function describeTree(root: string): Promise<string[]> {
  const lines: string[] = [];
  for (const { path, full } of await walk(root)) {
    const facts = await lstat(full, { bigint: true });
    const kind = facts.isDirectory() ? 'folder' : facts.isSymbolicLink() ? 'link' : 'file';
    const content = facts.isFile()
      ? createHash('sha256')
          .update(await readFile(full))
          .digest('hex')
      : facts.isSymbolicLink()
        ? await readlink(full)
        : '';
    // Node sets times in whole microseconds.
    const time = facts.mtimeNs / 1000n;
    lines.push(
      `${path.toString('base64')} ${kind} ${(facts.mode & 0o7777n).toString(8)} ${time} ${facts.isFile() ? facts.nlink : ''} ${content}`,
    );
  }
  return lines.sort();
}

async function walk(root: string, below: Buffer = Buffer.alloc(0)): Promise<{ path: Buffer; full: Buffer }[]> {
  const found: { path: Buffer; full: Buffer }[] = [];
  const folder = below.length === 0 ? Buffer.from(root) : Buffer.concat([Buffer.from(`${root}/`), below]);
  for (const name of (await readdir(folder, { encoding: 'buffer' })).sort((a, b) => Buffer.compare(a, b))) {
    const path = below.length === 0 ? Buffer.from(name) : Buffer.concat([below, Buffer.from('/'), name]);
    const full = Buffer.concat([Buffer.from(`${root}/`), path]);
    found.push({ path, full });
    if ((await lstat(full)).isDirectory()) found.push(...(await walk(root, path)));
  }
  return found;
}
