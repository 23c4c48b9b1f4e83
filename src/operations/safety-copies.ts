/** Old data that restores kept, as `doctor` shows it. */
import type { ComponentConfig } from '../domain/appliance.ts';
import { formatBytes, formatDuration } from '../domain/duration.ts';
import type { Finding } from '../drivers/driver.ts';
import { rootsOf } from '../drivers/files/paths.ts';
import { keptCopies } from '../drivers/swap/kept.ts';

/** Within this time whoever restored still looks at the result. */
const nagAfterSeconds = 7 * 86_400;

export async function safetyCopyFindings(config: ComponentConfig): Promise<Finding[]> {
  const copies = await keptCopies({ component: config.id, lives: [firstLive(config)] });
  return copies.map(({ path, bytes, since }): Finding => {
    const seconds = (Date.now() - since.getTime()) / 1000;
    const text = `${formatBytes(bytes)}, kept for ${formatDuration(seconds)}: ${path}`;
    if (seconds < nagAfterSeconds) return { name: 'old data of a restore', level: 'ok', text };
    return {
      name: 'old data of a restore',
      level: 'warn',
      text,
      hint: `if what was restored is good, delete it: \`rm -r ${path}\``,
    };
  });
}

/** A component's journal lies beside its first live path. */
function firstLive(config: ComponentConfig): string {
  if ('dataDirectory' in config) return config.dataDirectory;
  return 'paths' in config ? (rootsOf(config.paths)[0] ?? '') : config.path;
}
