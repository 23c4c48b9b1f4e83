/** `npm run docs`: writes the reference pages. */
import { writeFile } from 'node:fs/promises';
import { pathOf, references, renderReference } from './references.ts';

for (const name of Object.keys(references) as (keyof typeof references)[]) {
  await writeFile(pathOf(name), await renderReference(name));
  process.stdout.write(`wrote ${name}\n`);
}
