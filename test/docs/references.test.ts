import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { exit } from '../../src/cli/exit.ts';
import { configurationTemplate } from '../../src/config/template.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { pathOf, references, renderReference } from '../../src/docs/references.ts';
import { errorCatalogue } from '../../src/domain/errors.ts';

describe('generated reference pages', () => {
  test.each(Object.keys(references) as (keyof typeof references)[])(
    '%s is what `npm run docs` writes',
    async (name) => {
      expect(await readFile(pathOf(name), 'utf8')).toBe(await renderReference(name));
    },
  );

  test('every error code has a heading, and its exit code stands in the table', () => {
    const page = references['docs/errors.md']();
    for (const [code, kind] of Object.entries(errorCatalogue)) {
      expect(page).toContain(`\n### ${code}\n`);
      expect(Object.values(exit) as number[], code).toContain(kind.exit);
    }
  });

  test('the lifeboat.yaml that the reference shows is one that Lifeboat accepts', () => {
    const text = configurationTemplate({
      appliance: 'a',
      repository: '/backups',
      keyFile: '/etc/lifeboat/key',
      state: '/var/lib/lifeboat',
    });
    expect(references['docs/configuration.md']()).toContain("schedules:\n  backup-full: { cron: '0 2 * * *'");
    expect(parseConfiguration(text, 'lifeboat.yaml').appliance.components.map(({ kind }) => kind)).toEqual([
      'postgres',
      'redis',
      'vectorstore',
      'models',
      'files',
    ]);
  });
});
