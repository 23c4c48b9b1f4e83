/** What the system says of a path that was there a moment ago. Pure. */

/** It, or a folder above it; a link or a socket took its place; or it was another host's to remove. */
const words: readonly string[] = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ESTALE'];

export function hasVanished(code: string | undefined): boolean {
  return code !== undefined && words.includes(code);
}
