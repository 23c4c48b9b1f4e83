/** Tells whether a stored dump is whole. It is read from the repository alone, as it streams by: no server, nothing on disk. */
import type { FileEntry } from '../../domain/entry.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import { fileName, Inspection, inspectFacts, type Stored } from '../stored.ts';
import { configFolder, dumpPath, factsPath, type RedisFacts } from './facts.ts';
import { RdbReader, type RdbSummary } from './rdb-reader.ts';
import { RdbError } from './rdb-steps.ts';

export async function inspectRedis(stored: Stored): Promise<ProbeResult[]> {
  const inspection = new Inspection(stored.record.id);
  const facts = await inspectFacts<RedisFacts>(inspection, stored, { path: factsPath, lists: ['configFiles'] });
  if (facts === undefined) return inspection.results;
  const missing = new Set(facts.configFiles.map((path) => configFolder + path));
  let dump: FileEntry | undefined;
  for await (const entry of stored.repository.readIndex(stored.record.indexId, stored.signal)) {
    if (entry.type !== 'file') continue;
    if (entry.path === dumpPath) dump = entry;
    missing.delete(entry.path);
  }
  inspection.expect(fileName(dumpPath), describe(facts, facts.dumpBytes), await describeDump(stored, dump));
  for (const path of missing) inspection.expect(fileName(path), 'there', 'absent');
  return inspection.results;
}

async function describeDump({ repository, record, signal }: Stored, dump: FileEntry | undefined): Promise<string> {
  if (dump === undefined) return 'absent';
  const reader = new RdbReader();
  try {
    for await (const block of repository.streamFile(record.indexId, dump, signal)) {
      reader.write(Buffer.from(block.buffer, block.byteOffset, block.length));
    }
    // The reader compares the checksum; a server with `rdbchecksum no` writes none.
    return describe(reader.end(), dump.size);
  } catch (error) {
    if (error instanceof RdbError) return error.message;
    throw error;
  }
}

type Counts = Pick<RedisFacts & RdbSummary, 'rdbVersion' | 'keys' | 'expiring' | 'functions'>;

function describe({ rdbVersion, keys, expiring, functions }: Counts, bytes: number): string {
  return `version ${rdbVersion}, ${keys} keys, ${expiring} with an expiry, ${functions} function libraries, ${bytes} bytes`;
}
