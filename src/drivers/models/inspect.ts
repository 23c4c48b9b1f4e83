/** Tells whether every stored model is as long as its own tensor table says. Reads the headers from the repository, never the weights. */
import type { FileEntry } from '../../domain/entry.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import { parseGgufHeader } from '../../inference/gguf-read.ts';
import { linkInspector } from '../folder/link-probes.ts';
import { sealedFactsPath } from '../folder/sealed-facts.ts';
import { fileName, Inspection, inspectFacts, type Stored } from '../stored.ts';
import type { ModelsFacts } from './facts.ts';
import { isModelName } from './find-models.ts';

/** A model in several files: `name-00001-of-00003.gguf`. */
const part = /^(.*-)(\d{5})(-of-)(\d{5})(\.gguf)$/i;

export async function inspectModels(stored: Stored): Promise<ProbeResult[]> {
  const inspection = new Inspection(stored.record.id);
  const facts = await inspectFacts<ModelsFacts>(inspection, stored, { path: sealedFactsPath, lists: ['models'] });
  if (facts === undefined) return inspection.results;
  const holding = new Set(facts.models.map(({ path, file = path }) => file));
  const files = new Map<string, FileEntry>();
  const links = new Map<string, string>();
  for await (const entry of stored.repository.readIndex(stored.record.indexId, stored.signal)) {
    if (entry.type === 'symlink') links.set(entry.path, entry.target ?? '');
    if (entry.type === 'file' && (isModelName(entry.path) || holding.has(entry.path))) files.set(entry.path, entry);
  }
  const inspectLink = linkInspector(inspection, links, facts.place);
  for (const { path, file = path, architecture } of facts.models) {
    inspection.expect(fileName(file), `a whole model of ${architecture}`, await describe(stored, files.get(file)));
    if (file !== path) inspectLink(path, file);
  }
  const known = new Set(facts.models.map(({ path }) => path));
  for (const path of files.keys()) {
    if (!holding.has(path))
      inspection.expect(fileName(path), 'a model that the capture checked', 'one that it did not');
  }
  for (const path of missingParts(known)) inspection.expect(fileName(path), 'there', 'absent');
  return inspection.results;
}

async function describe({ repository, record, signal }: Stored, entry: FileEntry | undefined): Promise<string> {
  if (entry === undefined) return 'absent';
  try {
    const stream = repository.streamFile(record.indexId, entry, signal);
    const { architecture } = await parseGgufHeader(stream, entry.size, entry.path);
    return `a whole model of ${architecture}`;
  } catch (error) {
    if (isLifeboatError(error, 'SourceCorrupt')) return error.message;
    throw error;
  }
}

/** The loader asks for every part that the first one counts. */
function missingParts(paths: ReadonlySet<string>): string[] {
  const missing = new Set<string>();
  for (const path of paths) {
    const [, name = '', , of = '', count = '0', end = ''] = part.exec(path) ?? [];
    for (let number = 1; number <= Number(count); number += 1) {
      const other = `${name}${String(number).padStart(5, '0')}${of}${count}${end}`;
      if (!paths.has(other)) missing.add(other);
    }
  }
  return [...missing];
}
