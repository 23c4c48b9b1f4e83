/** What stands in the way of capturing or restoring the configured paths, found without reading them all. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { FilesConfig } from '../../domain/appliance.ts';
import { checkAttributeTools } from '../attributes/finding.ts';
import type { Finding } from '../driver.ts';
import { rootsOf } from './paths.ts';
import { rootTarget } from './restore.ts';
import { refusedHint } from '../../domain/refused-access.ts';

/** One finding per configured path, the worst that holds, and what is missing for attributes. Never throws. */
export async function checkFiles(config: FilesConfig): Promise<Finding[]> {
  const roots = await Promise.all(rootsOf(config.paths).map((root) => checkRoot(root, config)));
  return [...roots, ...(await checkAttributeTools(config.id))];
}

async function checkRoot(root: string, config: FilesConfig): Promise<Finding> {
  const name = `${config.id}: ${root}`;
  try {
    const problem = await access(root, constants.R_OK).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (problem === 'ENOENT')
      return {
        name,
        level: 'fail',
        text: `\`${root}\` does not exist`,
        hint: `create it, or take it out of \`paths\` of \`${config.id}\``,
      };
    if (problem !== undefined)
      return {
        name,
        level: 'fail',
        text: `\`${root}\` cannot be read (${problem})`,
        hint: refusedHint(problem, process.getuid?.()),
      };
    const { problems } = await rootTarget(root, 0);
    const first = problems[0];
    if (first !== undefined)
      return { name, level: 'warn', text: `can be captured, but not restored: ${first.message}`, hint: first.hint };
    return { name, level: 'ok', text: 'readable, and can be exchanged' };
  } catch (error) {
    return { name, level: 'fail', text: (error as Error).message, hint: 'check the path and its filesystem' };
  }
}
