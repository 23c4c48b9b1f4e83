/** The files that are backed up. */
import { mkdir, open, writeFile } from 'node:fs/promises';
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';

const inFolder = 1000;
const fileBytes = 1024;

/** Files of 1 KB, each with other content, a thousand in a folder. */
export async function makeFiles(folder: string, count: number): Promise<void> {
  for (let first = 0; first < count; first += inFolder) {
    const below = join(folder, String(Math.floor(first / inFolder)));
    await mkdir(below, { recursive: true });
    const bytes = randomFillSync(Buffer.alloc(fileBytes * inFolder));
    const files = Array.from({ length: Math.min(inFolder, count - first) }, async (_, number) =>
      writeFile(join(below, `file-${first + number}`), bytes.subarray(number * fileBytes, (number + 1) * fileBytes)),
    );
    await Promise.all(files);
  }
}

export function contentPath(folder: string, number: number): string {
  return join(folder, String(Math.floor(number / inFolder)), `file-${number}`);
}

/** Other content for one file, as an increment finds it. */
export async function changeFile(folder: string): Promise<void> {
  await writeFile(join(folder, 'changed'), randomFillSync(Buffer.alloc(fileBytes)));
}

const gigabyte = 1_000_000_000;
const runBytes = 16 * 1024 * 1024;

/** One file that has the same 16 MiB at the beginning of each GB, and a hole behind it. */
export async function makeSparseFile(path: string, gigabytes: number): Promise<void> {
  const size = gigabytes * gigabyte;
  const run = randomFillSync(Buffer.alloc(runBytes));
  const handle = await open(path, 'w');
  try {
    for (let at = 0; at < size; at += gigabyte) await handle.write(run, 0, runBytes, at);
    await handle.truncate(size);
  } finally {
    await handle.close();
  }
}
