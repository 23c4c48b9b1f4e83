import { mkdir, rm, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { existsSync } from 'node:fs';

/** A PATH on which nothing but the named programs is found. Tests of one file run one after the other. */
export async function withoutPrograms(
  folder: string,
  kept: readonly string[],
  act: (bin: string) => Promise<void>,
): Promise<void> {
  const path = process.env['PATH'] ?? '';
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const name of kept) {
    const found = path.split(delimiter).find((each) => existsSync(join(each, name)));
    await symlink(join(found ?? '', name), join(bin, name));
  }
  process.env['PATH'] = bin;
  try {
    await act(bin);
  } finally {
    process.env['PATH'] = path;
    await rm(bin, { recursive: true });
  }
}
