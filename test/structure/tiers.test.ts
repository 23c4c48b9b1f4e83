/** A test file belongs to the project whose means it uses: `unit` starts no engine, `engines` does. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { drillFiles, engineFiles, majorFiles, slowFiles } from '../support/tiers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const startsEngine = /^src\/dev\/(?:postgres|redis|temporal|s3|sshd)\.ts$/;
const listed = (patterns: readonly string[]): string[] => patterns.flatMap((each) => globSync(each, { cwd: root }));

/** Files of test/ and src/dev/ that `file` imports as values, itself included. */
function reachedFrom(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file) || !existsSync(join(root, file))) return seen;
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  for (const [, specifier = ''] of text.matchAll(
    /^(?:import|export)\s+(?!type\s)(?:[\w*{}\s,$]+?\sfrom\s)?'(\.[^']+)'/gm,
  )) {
    const path = join(dirname(file), specifier);
    if (/^(?:test|src\/dev|bench)\//.test(path)) reachedFrom(path, seen);
  }
  return seen;
}

const needsEngine = (file: string): boolean => [...reachedFrom(file)].some((path) => startsEngine.test(path));

test('what starts an engine is listed as that, and nothing else is', () => {
  const drills = new Set(listed(drillFiles));
  const files = globSync('test/**/*.test.ts', { cwd: root }).filter((file) => !drills.has(file));
  expect(files.filter(needsEngine).toSorted()).toEqual(listed(engineFiles).toSorted());
});

test('each pattern names files that are there, and other majors run only what runs on the usual one too', () => {
  for (const pattern of [...engineFiles, ...drillFiles, ...majorFiles, ...slowFiles])
    expect(globSync(pattern, { cwd: root }), pattern).not.toEqual([]);
  expect(listed(majorFiles).filter((file) => !listed(engineFiles).includes(file))).toEqual([]);
});

test('no test exchanges a module: where another file has loaded it already, that does nothing', () => {
  const own = /\bvi\.(?:do)?mock\(/i;
  const files = globSync('test/**/*.ts', { cwd: root });
  expect(files.filter((file) => own.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});

test('no test states a timeout of its own: it would judge speed', () => {
  const own = /\btimeout: ?\d|\.setConfig\(|^ *\}, \d[\d_]{3,}\);$/m;
  // The one for all who wait, and the recording of histories, which has a configuration of its own.
  const general = ['test/support/wait-for.ts', 'test/histories/record.config.ts'];
  const files = globSync('test/**/*.ts', { cwd: root }).filter((file) => !general.includes(file));
  expect(files.filter((file) => own.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
