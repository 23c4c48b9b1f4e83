/** The version of this Lifeboat, from its own package.json (found above `src/` in a clone and above `dist/src/` in a package). */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseJson } from '../json/parse-json.ts';

function readVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const parsed = parseJson(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (parsed.name === 'lifeboat' && parsed.version !== undefined) return parsed.version;
    } catch {
      // No package.json here: look one folder up.
    }
  }
  return 'unknown';
}

export const toolVersion = readVersion();
