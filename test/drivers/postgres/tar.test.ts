import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { TarReader } from '../../../src/drivers/postgres/capture/tar.ts';
import type { TarHeader } from '../../../src/drivers/postgres/capture/tar.ts';
import { folderTest as test } from '../../support/folder-test.ts';

interface Member extends TarHeader {
  readonly content: string;
}

async function readIn(archive: Buffer, pieceBytes: number): Promise<Member[]> {
  const members: Member[] = [];
  const reader = new TarReader({
    async entry(header) {
      const parts: Buffer[] = [];
      if (header.type !== 'file') {
        members.push({ ...header, content: '' });
        return undefined;
      }
      return {
        async write(chunk) {
          parts.push(Buffer.from(chunk));
        },
        async end() {
          members.push({ ...header, content: Buffer.concat(parts).toString() });
        },
      };
    },
  });
  for (let at = 0; at < archive.length; at += pieceBytes) await reader.write(archive.subarray(at, at + pieceBytes));
  reader.end();
  return members;
}

const longName = `${'deep/'.repeat(30)}${'n'.repeat(120)}`;

async function archiveOf(folder: string, format: string): Promise<Buffer> {
  await mkdir(join(folder, 'deep/'.repeat(30)), { recursive: true });
  await writeFile(join(folder, longName), 'long');
  await writeFile(join(folder, 'odd'), 'x'.repeat(513));
  await chmod(join(folder, 'odd'), 0o640);
  await writeFile(join(folder, 'even'), 'y'.repeat(1024));
  await writeFile(join(folder, 'empty'), '');
  await symlink('/else/where', join(folder, 'link'));
  return execFileSync('tar', [`--format=${format}`, '-cf', '-', '-C', folder, 'odd', 'even', 'empty', 'link', 'deep']);
}

test.for(['gnu', 'pax'])('reads what tar wrote in format %s, however the bytes are cut', async (format, { folder }) => {
  const archive = await archiveOf(folder, format);
  for (const pieceBytes of [1, 7, 511, 512, 4096, archive.length]) {
    const members = await readIn(archive, pieceBytes);
    const byName = new Map(members.map((member) => [member.name, member]));
    expect(byName.get(longName)?.content).toBe('long');
    expect(byName.get('odd')).toMatchObject({ content: 'x'.repeat(513), mode: 0o640, size: 513, type: 'file' });
    expect(byName.get('even')?.content).toBe('y'.repeat(1024));
    expect(byName.get('empty')?.content).toBe('');
    expect(byName.get('link')).toMatchObject({ type: 'symlink', linkTarget: '/else/where' });
    expect(byName.get('deep')?.type).toBe('directory');
  }
});

test('refuses a header whose checksum is wrong', async ({ folder }) => {
  const archive = await archiveOf(folder, 'gnu');
  archive[0]! ^= 1;
  await expect(readIn(archive, 512)).rejects.toThrow('checksum');
});

test('refuses an archive that ends in the middle of a file', async ({ folder }) => {
  await writeFile(join(folder, 'file'), 'z'.repeat(2000));
  const archive = execFileSync('tar', ['-cf', '-', '-C', folder, 'file']);
  await expect(readIn(archive.subarray(0, 1500), 512)).rejects.toThrow('in the middle');
});

test('reads a size beyond 8 GiB, which is written in base 256', async () => {
  const header = Buffer.alloc(512);
  header.write('huge', 0);
  header.write('0000644\0', 100);
  Buffer.from('8000000000000002540be400', 'hex').copy(header, 124); // 10,000,000,000
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  header.write('        ', 148);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  const sizes: number[] = [];
  const reader = new TarReader({
    async entry({ size }) {
      sizes.push(size);
      return undefined;
    },
  });
  await reader.write(header);
  expect(sizes).toEqual([10_000_000_000]);
});
