/** Proves that files which belong together stood still: size, mtime, ctime and inode over a quiet window. */
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Identity of each file at one moment; two equal texts mean that nothing was written or renamed in between. An absent file counts too. */
export async function identify(paths: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    paths.map(async (path) => {
      const stats = await stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => error.code);
      if (typeof stats !== 'object') return String(stats);
      const { dev, ino, size, mtimeNs, ctimeNs } = stats;
      return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
    }),
  );
  return parts.join(' ');
}

export interface QuietOptions {
  readonly paths: readonly string[];
  readonly quietSeconds: number;
  /** How many windows are tried. */
  readonly attempts: number;
  readonly signal: AbortSignal;
}

/** Waits for a window without change. `quiet: false` when none was found; the identity is of the window's end. */
export async function waitUntilQuiet(
  options: QuietOptions,
): Promise<{ readonly quiet: boolean; readonly identity: string }> {
  let identity = await identify(options.paths);
  for (let attempt = 0; attempt < options.attempts; attempt += 1) {
    await delay(options.quietSeconds * 1000, undefined, { signal: options.signal });
    const now = await identify(options.paths);
    if (now === identity) return { quiet: true, identity };
    identity = now;
  }
  return { quiet: false, identity };
}
