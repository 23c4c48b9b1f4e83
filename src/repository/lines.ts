/** The lines of an opened frame. A last one without its end would be an entry that is missing in silence. */
import { LifeboatError } from '../domain/errors.ts';

/** ObjectCorrupt names the object. */
export function linesOf(plain: Buffer, key: string): string[] {
  const lines = plain.toString('utf8').split('\n');
  if (lines.pop() !== '') throw new LifeboatError('ObjectCorrupt', `object ${key} has a line that is cut off`);
  return lines;
}
