/** The appliance's models folder: the embedding model, and for bulk one file whose name says that it is filler. */
import { createCipheriv } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddingModelPath, type SampleAppliance } from '../description.ts';
import type { SizeFacts } from './sizes.ts';

export async function seedModels(appliance: SampleAppliance, sourceModel: string, size: SizeFacts): Promise<void> {
  await mkdir(appliance.folders.models, { recursive: true });
  await copyFile(sourceModel, embeddingModelPath(appliance), constants.COPYFILE_FICLONE);
  if (size.fillerModelBytes > 0)
    await writeFiller(join(appliance.folders.models, 'load_filler.bin'), size.fillerModelBytes);
}

/** Incompressible, as weights are, and the same on every machine: the key stream of AES under a fixed key. */
async function writeFiller(path: string, bytes: number): Promise<void> {
  if ((await stat(path).catch(() => undefined))?.size === bytes) return;
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(1 << 20);
  const file = await open(`${path}.tmp`, 'w', 0o644);
  try {
    for (let written = 0; written < bytes; written += zeros.length) {
      await file.writeFile(stream.update(zeros.subarray(0, Math.min(zeros.length, bytes - written))));
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
}
