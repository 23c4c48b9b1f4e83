/** What stands in the way of capturing or restoring the configured paths, found without reading them all. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { FilesConfig } from '../../domain/appliance.ts';
import { plural } from '../../domain/plural.ts';
import { checkAttributeTools } from '../attributes/finding.ts';
import type { FilesFacts } from './facts.ts';
import { rootsOf } from './paths.ts';
import { earlierFacts, isEmptied, unmountedPaths, type Earlier, type Unmounted } from './places.ts';
import { rootTarget } from './restore.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import type { Finding } from '../../domain/finding.ts';

/** One finding per configured path, the worst that holds, and what is missing for attributes. Never throws. */
export async function checkFiles(config: FilesConfig, earlier: Earlier | undefined): Promise<Finding[]> {
  const { facts, unmounted } = await seenBefore(config, earlier);
  const roots = await Promise.all(
    rootsOf(config.paths).map(async (root) => {
      const name = `${config.id}: ${root}`;
      const error = unmounted.find(({ path }) => path === root)?.error;
      if (error !== undefined) return { name, level: 'fail' as const, text: error.message, hint: error.hint };
      const found = await checkRoot(root, config);
      const place = facts?.places?.find(({ path }) => path === root);
      if (found.level !== 'ok' || place === undefined || !isEmptied(place)) return found;
      return {
        name,
        level: 'warn' as const,
        text: `\`${root}\` was without files at the newest capture; before that it had ${plural(place.lastFiles, 'file')}`,
        hint: 'nothing is to be done where that is right; else see whether its disk is mounted, and restore it from an older recovery point',
      };
    }),
  );
  return [...roots, ...(await checkAttributeTools(config.id))];
}

interface SeenBefore {
  readonly facts?: FilesFacts | undefined;
  readonly unmounted: readonly Unmounted[];
}

/** Nothing where it cannot be asked: what is wrong with the repository is said elsewhere. */
async function seenBefore(config: FilesConfig, earlier: Earlier | undefined): Promise<SeenBefore> {
  if (earlier === undefined) return { unmounted: [] };
  try {
    const facts = await earlierFacts(earlier);
    const unmounted = facts === undefined ? [] : await unmountedPaths(rootsOf(config.paths), earlier, facts);
    return { facts, unmounted };
  } catch {
    return { unmounted: [] };
  }
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
