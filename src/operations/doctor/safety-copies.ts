/** Old data that restores kept, as `doctor` shows it. */
import type { ComponentConfig } from '../../domain/appliance.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { keptCopies } from '../../drivers/swap/kept.ts';
import { firstLive } from '../first-live.ts';
import type { Finding } from '../../domain/finding.ts';

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
      hint: `if what was restored is good, delete it: \`rm -r ${path}\`; if not: \`lifeboat restore undo\``,
    };
  });
}
