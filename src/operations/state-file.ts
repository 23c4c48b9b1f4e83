/** Small files of this host in Lifeboat's own folder: what was told last, by processes that may have no repository. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Appliance } from '../domain/appliance.ts';
import { parseJson } from '../json/parse-json.ts';
import type { z } from 'zod';

export function stateFile({ stateDir }: Appliance, name: string): string {
  return join(stateDir, name);
}

/** Undefined also for one that cannot be read, or holds something else: then everything is told again. */
export async function readStateFile<T>(
  appliance: Appliance,
  name: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  try {
    return schema.parse(parseJson(await readFile(stateFile(appliance, name), 'utf8')));
  } catch {
    return undefined;
  }
}

export async function writeStateFile(appliance: Appliance, name: string, content: unknown): Promise<void> {
  const path = stateFile(appliance, name);
  await mkdir(appliance.stateDir, { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
