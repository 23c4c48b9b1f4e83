/** The few fields of global/pg_control that a restore asks for. Their places are the same in 15 to 18. */
import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';

export interface ControlFile {
  readonly systemIdentifier: string;
  readonly isShutDown: boolean;
  /** Timeline of the last checkpoint. */
  readonly timeline: number;
}

const offsets = { systemIdentifier: 0, state: 16, timeline: 48 } as const;
const shutDown = 1;
/** More than the fields that are read; the file itself has 8 KiB. */
const minBytes = 296;
/** Between these ends the last field in every version: the server keeps the file's use below one sector. */
const minFieldBytes = 200;
const maxBytes = 512;

/** Undefined where the file is missing or too short. */
export async function readControlFile(dataDirectory: string): Promise<ControlFile | undefined> {
  const bytes = await readFile(join(dataDirectory, 'global', 'pg_control')).catch(() => undefined);
  return bytes === undefined ? undefined : parseControlFile(bytes);
}

/** Undefined where it is too short. */
export function parseControlFile(bytes: Buffer): ControlFile | undefined {
  if (bytes.length < minBytes) return undefined;
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

/**
 * The CRC-32C of all fields stands behind the last one, whose place differs between versions (288 in 15): so each
 * place is tried. A torn copy, half of one write and half of the next, has it nowhere.
 */
export function hasControlChecksum(bytes: Buffer): boolean {
  const isLittle = endianness() === 'LE';
  let crc = 0xffffffff;
  for (let at = 0; at + 4 <= Math.min(bytes.length, maxBytes); at += 1) {
    const stored = isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    if (at % 4 === 0 && at >= minFieldBytes && stored === (crc ^ 0xffffffff) >>> 0) return true;
    crc = nextCrc32c(crc, bytes.readUInt8(at));
  }
  return false;
}

function nextCrc32c(crc: number, byte: number): number {
  let next = crc ^ byte;
  for (let bit = 0; bit < 8; bit += 1) next = (next >>> 1) ^ ((next & 1) === 0 ? 0 : 0x82f63b78);
  return next;
}
