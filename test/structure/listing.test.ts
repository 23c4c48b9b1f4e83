import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Whoever lists a storage meets what somebody else put there: one place tells it apart. */
test('the repository and all above it list a storage in one place', () => {
  const files = globSync('{src/{repository,operations,cli},activities,workers}/**/*.ts', { cwd: root });
  const listing = files.filter((file) => /\.list\((?:'|layout|prefix)/.test(readFileSync(join(root, file), 'utf8')));
  expect(listing).toEqual(['src/repository/own-objects.ts']);
});
