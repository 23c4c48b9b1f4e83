/** What the inspection of a stored component (L3) is made of. Nothing here touches a live component or writes. */
import { leftOutPath, type FileEntry } from '../domain/entry.ts';
import type { LeftOut } from '../domain/left-out.ts';
import type { ProbeResult } from '../domain/recovery-point.ts';
import { parseJson } from '../json/parse-json.ts';
import type { RestoreContext } from './driver.ts';

export type Stored = Pick<RestoreContext, 'repository' | 'record' | 'signal'>;

/** A folder that is wrong as a whole would otherwise give a result per file. */
const shownFaults = 20;
/** Facts, headers and configuration: what is larger is none of them. */
const smallBytes = 64 * 1024 * 1024;

/** Results of one component; a comparison of two texts is the probe. */
export class Inspection {
  readonly #component: string;
  readonly #results: ProbeResult[] = [];
  #faults = 0;

  constructor(component: string) {
    this.#component = component;
  }

  /** Whether both are the same. */
  expect(name: string, expected: string, actual: string): boolean {
    const ok = expected === actual;
    if (!ok) this.#faults += 1;
    if (ok || this.#faults <= shownFaults) {
      this.#results.push({ component: this.#component, name, expected, actual, ok });
    }
    return ok;
  }

  get results(): ProbeResult[] {
    const more = this.#faults - shownFaults;
    if (more <= 0) return this.#results;
    const summary = { name: 'further faults', expected: '0', actual: String(more), ok: false };
    return [...this.#results, { component: this.#component, ...summary }];
  }
}

export interface FactsForm<Facts> {
  readonly path: string;
  /** Members that are lists. Another writer may have sealed something else. */
  readonly lists: readonly (keyof Facts & string)[];
  /** Throws where the format is a newer one; by default there is none. */
  readonly check?: (facts: Facts) => void;
}

/** The sealed facts, or undefined with a result where they are missing, no JSON, or lack a list. */
export async function inspectFacts<Facts extends object>(
  inspection: Inspection,
  { repository, record }: Stored,
  { path, lists, check = () => undefined }: FactsForm<Facts>,
): Promise<Facts | undefined> {
  const bytes = await repository.readFile(record.indexId, path);
  const facts = bytes === undefined ? 'absent' : parsed<Facts>(bytes);
  if (typeof facts !== 'string') check(facts);
  const lacking = typeof facts === 'string' ? undefined : lists.find((name) => !Array.isArray(facts[name]));
  if (typeof facts !== 'string' && lacking === undefined) return facts;
  const actual = typeof facts === 'string' ? facts : `without the list \`${lacking}\``;
  inspection.expect(fileName(path), 'the facts of the capture', actual);
  return undefined;
}

function parsed<Facts extends object>(bytes: Uint8Array): Facts | string {
  try {
    const facts = parseJson(Buffer.from(bytes).toString('utf8')) as Facts | null;
    return typeof facts === 'object' && facts !== null ? facts : 'no object';
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return 'not JSON';
  }
}

/** What the capture left out, by path and kind; the first thousand. */
export async function readLeftOut({ repository, record }: Stored): Promise<readonly LeftOut[]> {
  const bytes = await repository.readFile(record.indexId, leftOutPath);
  return bytes === undefined ? [] : (parseJson(Buffer.from(bytes).toString('utf8')) as LeftOut[]);
}

/** A small file whole. Undefined where it is none: absent, or too large to be what it claims. ObjectMissing, ObjectCorrupt. */
export async function readStored(
  { repository, record, signal }: Stored,
  entry: FileEntry | undefined,
): Promise<Buffer | undefined> {
  if (entry === undefined || entry.size > smallBytes) return undefined;
  const blocks: Uint8Array[] = [];
  for await (const block of repository.streamFile(record.indexId, entry, signal)) blocks.push(block);
  return Buffer.concat(blocks);
}

/** The first bytes of a file of any size; fewer where it is shorter. */
export async function readBeginning(
  { repository, record, signal }: Stored,
  entry: FileEntry,
  bytes: number,
): Promise<Buffer> {
  const blocks: Uint8Array[] = [];
  let held = 0;
  for await (const block of repository.streamFile(record.indexId, entry, signal)) {
    blocks.push(block);
    held += block.length;
    if (held >= bytes) break;
  }
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** How results name a file, the same for every kind. */
export function fileName(path: string): string {
  return `file \`${path}\``;
}
