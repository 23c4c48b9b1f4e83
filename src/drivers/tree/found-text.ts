/** What a walk found as text, on its way from a thread: a hundred thousand objects would take longer than their walk. */
import { decodeFoundFile, encodeFoundFile } from '../files/found-file.ts';
import type { Found } from '../files/walk.ts';
import { parseJson } from '../../json/parse-json.ts';

/** One line. */
export function encodeFound(found: Found): string {
  return found.kind === 'file' ? encodeFoundFile(found) : JSON.stringify(found);
}

export function decodeFound(line: string): Found {
  return decodeFoundFile(line) ?? (parseJson(line) as Found);
}
