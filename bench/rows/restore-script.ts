/**
 * The repository's own `restore.sh`, against the least that a shell can do: a loop that starts `openssl` and `zstd` once
 * for each block, whose payloads lie in files of their own already. Large files of a database's blocks, and small files:
 * these share frames, so the script opens fewer than the loop does, but it must take them apart and give each its name.
 */
import { createCipheriv, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { stateFolder } from '../../src/dev/folders.ts';
import type { ComponentRecord } from '../../src/domain/recovery-point.ts';
import { initRepository } from '../../src/repository/init.ts';
import { formatRecoveryKey } from '../../src/repository/recovery-key.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { timed, type Bench } from '../bench.ts';
import { runCommand } from '../command.ts';

const blockBytes = 256 * 1024;
/** Such content that compresses by a quarter, as dumps of random texts do. */
const sizes = {
  large: { blocks: 1400, files: 5000 },
  medium: { blocks: 350, files: 1500 },
  small: { blocks: 40, files: 100 },
} as const;
const blocksOfFile = 40;

/** Builds a repository of its own: of the appliance's data a restore by the script takes minutes. */
export async function measureRestoreScript(bench: Bench): Promise<void> {
  await mkdir(stateFolder(), { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(stateFolder(), 'restore-script-'));
  try {
    const key = randomBytes(32);
    const { repository } = await initRepository(createLocalStorage(join(folder, 'repository')), { mode: 'key', key });
    await writeFile(join(folder, 'key'), formatRecoveryKey(key));
    const { blocks, files } = sizes[bench.size];
    const id = await seal(repository, { folder, blocks, files });
    await repository.close();
    for (const what of ['large', 'small']) {
      const target = join(folder, 'target', what);
      await timed(bench, `restore-script-${what}/lifeboat`, async () => {
        const args = ['-k', join(folder, 'key'), 'restore', id, what, target];
        return (await runCommand('sh', [join(folder, 'repository/restore.sh'), ...args])).seconds;
      });
      await timed(
        bench,
        `restore-script-${what}/loop`,
        async () => (await runCommand('sh', [join(folder, `loop-${what}.sh`)])).seconds,
      );
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function seal(
  repository: Repository,
  { folder, blocks, files }: { readonly folder: string; readonly blocks: number; readonly files: number },
): Promise<string> {
  const id = await repository.reserve(new Date(), 'benchmark');
  const text = (bytes: number): Buffer => randomBytes((bytes * 3) / 4);
  const content = (bytes: number): Buffer => Buffer.from(text(bytes).toString('base64'));
  const large = Array.from({ length: Math.ceil(blocks / blocksOfFile) }, (_, file) =>
    Array.from({ length: Math.min(blocksOfFile, blocks - file * blocksOfFile) }, () => content(blockBytes)),
  );
  const small = Array.from({ length: files }, () => [content(800)]);
  const components = [
    await capture(repository, id, { component: 'large', files: large }),
    await capture(repository, id, { component: 'small', files: small }),
  ];
  await writeLoop(folder, 'large', large.flat());
  await writeLoop(folder, 'small', small.flat());
  const body = { appliance: 'benchmark', type: 'full', tool: 'benchmark', failures: [], workflow: null } as const;
  const startedAt = new Date().toISOString();
  await repository.seal({ timestamp: id, configuration: {}, body: { ...body, startedAt, components } });
  return id;
}

async function capture(
  repository: Repository,
  backupId: string,
  { component, files }: { readonly component: string; readonly files: readonly (readonly Buffer[])[] },
): Promise<ComponentRecord> {
  const writer = await repository.writeComponent({ backupId, componentId: component, blockSize: blockBytes });
  for (const [at, blocks] of files.entries()) await writer.bytes(`folder-${at % 10}/file-${at}`, Buffer.concat(blocks));
  const { indexId, bytes, storedBytes } = await writer.finish();
  const time = new Date().toISOString();
  const when = { capturedFrom: time, capturedUntil: time, quiescence: 'quiesced', suspect: false } as const;
  const counts = { files: files.length, bytes, storedBytes };
  return { id: component, kind: 'files', host: 'main', indexId, ...counts, ...when, facts: {} };
}

/** A shell script that opens the same blocks: what lies in a frame, under another key. */
async function writeLoop(folder: string, what: string, blocks: readonly Buffer[]): Promise<void> {
  const [payloads, results] = [join(folder, `payloads-${what}`), join(folder, `results-${what}`)];
  await mkdir(payloads);
  await mkdir(results);
  const [key, counter] = [randomBytes(32), Buffer.concat([randomBytes(12), Buffer.from([0, 0, 0, 2])])];
  for (const [at, block] of blocks.entries()) {
    const cipher = createCipheriv('aes-256-ctr', key, counter);
    await writeFile(join(payloads, `${at}`), Buffer.concat([cipher.update(zstdCompressSync(block)), cipher.final()]));
  }
  const open = `openssl enc -d -aes-256-ctr -nopad -K ${key.toString('hex')} -iv ${counter.toString('hex')}`;
  await writeFile(
    join(folder, `loop-${what}.sh`),
    `cd '${payloads}'\nfor each in *; do ${open} <"$each" | zstd -q -d >'${results}'/"$each"; done\n`,
  );
}
