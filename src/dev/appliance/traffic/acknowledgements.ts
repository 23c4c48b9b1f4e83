/** The log of acknowledged writes: appended and made durable outside of the appliance, before the next write is sent. */
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../../../json/parse-json.ts';
import type { SampleAppliance } from '../description.ts';

/** `record` stands for one numbered row and one numbered key; `vector` for one line in the index. */
export interface Acknowledgement {
  readonly kind: 'record' | 'vector';
  readonly number: number;
  /** ISO 8601: when the answer came. */
  readonly at: string;
}

export function acknowledgementFile({ folders }: Pick<SampleAppliance, 'folders'>): string {
  return join(folders.acknowledgements, 'acknowledged.jsonl');
}

export async function appendAcknowledgement(file: FileHandle, acknowledgement: Acknowledgement): Promise<void> {
  await file.write(`${JSON.stringify(acknowledgement)}\n`);
  await file.datasync();
}

export async function openAcknowledgements(path: string): Promise<FileHandle> {
  return open(path, 'a', 0o644);
}

/** Empty where there was no traffic. A last line that a kill cut off was never acknowledged to anybody. */
export async function readAcknowledgements(path: string): Promise<Acknowledgement[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n');
  return lines.slice(0, -1).map((line) => parseJson(line) as Acknowledgement);
}
