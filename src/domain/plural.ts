/** Counts as people say them. Pure. */

/** `text` where there is one thing, `texts` where there are several or none. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
