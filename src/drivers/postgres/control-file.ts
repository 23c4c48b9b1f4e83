/** The few fields of global/pg_control that a restore asks for. Their places are the same in 15 to 18. */
import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';

export interface ControlFile {
  readonly systemIdentifier: string;
  readonly isShutDown: boolean;
  /** Of the last checkpoint. */
  readonly timeline: number;
}

const offsets = { systemIdentifier: 0, state: 16, timeline: 48 } as const;
const shutDown = 1;
/** More than the fields that are read; the file itself has 8 KiB. */
const leastBytes = 296;

/** Undefined where the file is missing or too short. */
export async function readControlFile(dataDirectory: string): Promise<ControlFile | undefined> {
  const bytes = await readFile(join(dataDirectory, 'global', 'pg_control')).catch(() => undefined);
  if (bytes === undefined || bytes.length < leastBytes) return undefined;
  const isLittle = endianness() === 'LE';
  const u32 = (at: number) => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const id = isLittle
    ? bytes.readBigUInt64LE(offsets.systemIdentifier)
    : bytes.readBigUInt64BE(offsets.systemIdentifier);
  return {
    systemIdentifier: id.toString(),
    isShutDown: u32(offsets.state) === shutDown,
    timeline: u32(offsets.timeline),
  };
}
