/** What `doctor` says of a folder as the target of a restore. */
import { restoreTargetOf } from '../swap/target.ts';
import type { Finding } from '../../domain/finding.ts';

export async function checkFolderTarget({
  id,
  path,
}: {
  readonly id: string;
  readonly path: string;
}): Promise<Finding> {
  const name = `${id}: restore target`;
  const { problems } = await restoreTargetOf({ live: path, needBytes: 0 });
  const first = problems[0];
  if (first === undefined) return { name, level: 'ok', text: `\`${path}\` can be exchanged` };
  return { name, level: 'warn', text: `can be captured, but not restored: ${first.message}`, hint: first.hint };
}
