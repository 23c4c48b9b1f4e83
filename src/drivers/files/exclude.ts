/** Which paths a configuration leaves out. A folder that is left out is left out with all below it. */

/**
 * Patterns: `name*` without a slash fits any name at any depth; `/abs/path*` fits absolute paths; `sub/path*` fits
 * paths relative to the configured path. `*` stops at a slash, `**` does not.
 */
export function excluder(patterns: readonly string[]): (absolute: string, root: string) => boolean {
  const rules = patterns.map((pattern) => {
    const expression = toExpression(pattern.replace(/(?<=.)\/+$/, ''));
    if (pattern.startsWith('/')) return (absolute: string) => expression.test(absolute);
    if (pattern.includes('/'))
      return (absolute: string, root: string) => expression.test(absolute.slice(root.length + 1));
    return (absolute: string) => expression.test(absolute.slice(absolute.lastIndexOf('/') + 1));
  });
  return (absolute, root) => rules.some((fits) => fits(absolute, root));
}

function toExpression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*|\*|[\\^$.|?+()[\]{}]/g, (found) => {
    if (found === '**') return '.*';
    return found === '*' ? '[^/]*' : `\\${found}`;
  });
  return new RegExp(`^${source}$`, 's');
}
