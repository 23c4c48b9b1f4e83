/** What `doctor` says of things in the place of a repository that are not the repository's. */
import { plural } from '../../domain/plural.ts';
import type { Strays } from '../../repository/own-objects.ts';
import type { Finding } from '../../domain/finding.ts';

/** What file systems, and the machines that share them, keep at the root of a disk. */
const atRoot: readonly string[] = [
  'lost+found/',
  'System Volume Information/',
  '$RECYCLE.BIN/',
  '@eaDir/',
  '#recycle/',
  '#snapshot/',
  '.snapshot/',
  '.zfs/',
  '.fseventsd/',
  '.Spotlight-V100/',
  '.Trashes/',
  'aquota.user',
  'aquota.group',
];

/** What they put into any folder. */
const anywhere = /(?:^|\/)(?:\.DS_Store|\.nfs[0-9a-f]+|\.Trash-\d+\/)$/;

function isUsual(path: string): boolean {
  return atRoot.includes(path) || anywhere.test(path);
}

/** So many are named. */
const shown = 10;

/** Nothing where nothing else is there. */
export function strayFindings({ strays, closed }: Strays, where: string): Finding[] {
  const foreign = strays.filter((path) => !isUsual(path));
  const ofDisk = strays.filter(isUsual);
  return [
    ...(ofDisk.length === 0
      ? []
      : [
          {
            name: 'foreign files',
            level: 'ok' as const,
            text: `${where} holds what belongs to its disk: ${listOf(ofDisk)}`,
          },
        ]),
    ...(foreign.length === 0
      ? []
      : [
          {
            name: 'foreign files',
            level: 'warn' as const,
            text: `${where} holds ${plural(foreign.length, 'thing')} that Lifeboat did not put there and passes over: ${listOf(foreign)}`,
            hint: 'move them elsewhere; who put them there?',
          },
        ]),
    ...(closed.length === 0
      ? []
      : [
          {
            name: 'closed folders',
            level: 'fail' as const,
            text: `${where} has folders that may not be read, and what lies in them is unknown: ${listOf(closed)}`,
            hint: 'give them to the user of the worker, or remove them if Lifeboat did not make them',
          },
        ]),
  ];
}

function listOf(paths: readonly string[]): string {
  const named = paths.slice(0, shown).map((path) => `\`${path}\``);
  return [...named, ...(paths.length > shown ? [`and ${paths.length - shown} more`] : [])].join(', ');
}
