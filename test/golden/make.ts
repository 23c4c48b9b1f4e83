/**
 * Makes the golden repository: `node test/golden/make.ts`. It was run once, and what it made is frozen: later versions
 * of Lifeboat must restore it byte for byte for ever. Run it again only to add a second golden repository for a new
 * format, into another folder.
 *
 * Two recovery points of one small tree; passphrase and recovery key below and in kit.txt open it. Small files share
 * frames, and the index of each point has two parts, of which the second is the same in both.
 */
import { execFile } from 'node:child_process';
import { chmod, link, mkdir, mkdtemp, open, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { initRepository } from '../../src/repository/init.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { addTree, backUp, describeTree } from '../repository/backup.ts';

const passphrase = 'golden passphrase, not a secret';

const here = import.meta.dirname;
const root = join(here, 'repository');
if ((await readdir(root).catch(() => [])).length > 0)
  throw new Error(`${root} stands: the golden repository is frozen`);
const source = await mkdtemp(join(tmpdir(), 'lifeboat-golden-'));
const { repository, recoveryKit } = await initRepository(createLocalStorage(root), {
  mode: 'passphrase',
  passphrase,
});

await plant();
// Blocks so small that one file has a long line.
const blockSize = 8192;
const first = await backUp(repository, capture, { time: new Date('2026-11-22T02:00:00Z'), blockSize });
const firstTree = await describeTree(source);
await writeFile(join(source, 'compose.yaml'), 'services: {}\n');
await setTimes();
const second = await backUp(repository, capture, {
  previous: first.record,
  time: new Date('2026-11-23T02:00:00Z'),
  blockSize,
});
const secondTree = await describeTree(source);
await repository.putProof(second.id, { level: 'L1', state: 'verified' });
await repository.close();
await rm(source, { recursive: true });
await writeFile(join(here, 'kit.txt'), recoveryKit.replace(/^(location +).*$/m, '$1local:test/golden/repository'));
await writeFile(
  join(here, 'expected.json'),
  `${JSON.stringify({ [first.id]: firstTree, [second.id]: secondTree }, undefined, 1)}\n`,
);
await openUp(root);

async function capture(writer: Parameters<typeof addTree>[0]): Promise<void> {
  await addTree(writer, source);
  await writer.bytes('.lifeboat/facts.json', Buffer.from('{"rows":"12"}'));
}

async function plant(): Promise<void> {
  await mkdir(join(source, 'nginx/ssl'), { recursive: true });
  await mkdir(join(source, 'empty folder'));
  await writeFile(join(source, '.env'), 'POSTGRES_PASSWORD=canary\n', { mode: 0o600 });
  await writeFile(join(source, 'compose.yaml'), 'services:\n  app: {}\n');
  await writeFile(join(source, 'nginx/ssl/key.pem'), 'not a key\n', { mode: 0o400 });
  await writeFile(join(source, 'empty'), '');
  await writeFile(join(source, 'name with "quotes", $(x) and\nline feed\n'), 'odd');
  await writeFile(Buffer.concat([Buffer.from(`${source}/latin-`), Buffer.from([0xe9])]), 'not UTF-8');
  await link(join(source, '.env'), join(source, 'nginx/env'));
  await symlink('../compose.yaml', join(source, 'nginx/link'));
  // Larger than one message to a thread, many blocks, of which few differ.
  await writeFile(join(source, 'large'), Buffer.from(Array.from({ length: 5_500_001 }, (_, at) => (at >> 16) & 0x0f)));
  await mkdir(join(source, 'tiny'));
  await writeFile(join(source, 'tiny', endOfPart()), 'ends a part');
  for (let file = 100; file < 160; file += 1)
    await writeFile(join(source, 'tiny', `file ${file}`), `content of file ${file}\n`);
  const sparse = await open(join(source, 'sparse'), 'w');
  await sparse.write(Buffer.from('end'), 0, 3, 999_997);
  await sparse.close();
  await setTimes();
}

async function setTimes(): Promise<void> {
  await promisify(execFile)('find', [source, '!', '-type', 'l', '-exec', 'touch', '-d', '@1795000000', '{}', '+']);
}

/** A name behind whose line a part ends: before all others in its folder, and behind all that is long. */
function endOfPart(): string {
  for (let number = 0; ; number += 1) if (crc32(`tiny/end ${number}`) % 1024 === 0) return `end ${number}`;
}

/** A clone has these modes; the repository itself keeps its files to their owner. */
async function openUp(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
}
