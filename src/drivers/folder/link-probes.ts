/** Whether links of a stored folder still lead to the stored files that the capture found through them. */
import { followLinks } from '../files/follow-links.ts';
import { isInside } from '../files/paths.ts';
import type { Inspection } from '../stored.ts';

/** Where the folder lay: as it was configured, and without links. */
export interface FolderPlace {
  readonly path: string;
  readonly real: string;
}

/** No path has a zero byte: what leads out of this one leads to no entry. */
const unknownPlace: FolderPlace = { path: '/\0', real: '/\0' };

/** `texts` are those of all links by their path below the folder. A recovery point of an older version does not say its place. */
export function linkInspector(
  inspection: Inspection,
  texts: ReadonlyMap<string, string>,
  { path, real }: FolderPlace = unknownPlace,
): (link: string, file: string) => void {
  const links = new Map([...texts].map(([link, text]) => [`${real}/${link}`, text]));
  if (path !== real) links.set(path, real);
  return (link, file) => {
    const end = followLinks(`${real}/${link}`, links);
    // Where it leaves the folder, only that host's links tell how it came back.
    if (end !== undefined && !isInside(end, real)) return;
    const actual = end === undefined ? 'nothing' : end.slice(real.length + 1);
    inspection.expect(`link \`${link}\``, `leads to ${file}`, `leads to ${actual}`);
  };
}
