/** Asks who holds a lock. What the holder is decides its type: a person who starts a run may give it any id. */
import type { LockHolder } from '../../activities/lock-holder.ts';
import { control } from '../proxies.ts';

export type Holder = LockHolder;

/** An empty `workflowId` where nobody holds it any more. */
export async function askHolder(summary: string, lock: string): Promise<Holder> {
  const answer: string | LockHolder = await control({ summary }).lockHolder({ appliance: lock });
  // Histories of older workers hold the id alone; and a run may have ended since, and be forgotten.
  if (typeof answer === 'string') return { workflowId: answer, type: typeOfId(answer) };
  return answer.type === '' ? { ...answer, type: typeOfId(answer.workflowId) } : answer;
}

/** Of a run that was started by us: `<type>/<appliance>/…`. */
function typeOfId(workflowId: string): string {
  return workflowId.slice(0, Math.max(0, workflowId.indexOf('/')));
}
