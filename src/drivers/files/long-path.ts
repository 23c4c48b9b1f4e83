/** Paths that the system takes while they are live and would refuse below a staging folder: found before they are sealed. */
import { LifeboatError } from '../../domain/errors.ts';

/** Linux takes 4,096 bytes with the one that ends it. */
const maxBytes = 4095;
/** `/.lifeboat-<component>-staging-<run>-<attempt>-<path>`: what a staging folder adds besides its component. */
const stagingBytes = '/.lifeboat--staging-0123456789-99999-01234567'.length;

/** Bytes of the longest path that can be staged whole below a folder. */
export function longestStaged(folder: string, component: string): number {
  return maxBytes - Buffer.byteLength(folder) - stagingBytes - component.length;
}

/** Precondition for a path that is longer; what it is comes before the path, of which both ends are shown. */
export function refuseLongPath(path: Buffer, most: number, component: string): void {
  if (path.length > most) throw longPath(path, most, component);
}

export function longPath(path: Buffer, most: number, component: string): LifeboatError {
  const shown = `${path.toString('utf8', 0, 80)} … ${path.toString('utf8', path.length - 60)}`;
  return new LifeboatError(
    'Precondition',
    `a path has ${path.length} bytes, at most ${most} can be restored: \`${shown}\``,
    { component, hint: 'shorten the names of its folders, or leave them out: `exclude` of the component' },
  );
}
