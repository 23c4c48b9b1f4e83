/** The order in which a walk meets entries: a folder before what is in it, names in byte order. Pure. */

const slash = 0x2f;

/** Paths as latin1 texts of their bytes. Negative where `a` comes first. */
export function compareInWalk(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (one === other) continue;
    // What is in a folder comes before whatever else begins with its name.
    if (one === slash) return -1;
    return other === slash ? 1 : one - other;
  }
  return a.length - b.length;
}
