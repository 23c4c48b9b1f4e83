/** The server of shared-engines.ts, for one test file: a namespace that no other file knows. */
import { randomInt } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { inject } from 'vitest';
import type { RunningTemporal, SearchAttributeType } from '../../src/dev/temporal.ts';

/** As the server counts them. */
const attributeTypes = { Text: 1, Keyword: 2, Int: 3, Double: 4, Bool: 5, Datetime: 6, KeywordList: 7 } as const;

export async function joinSharedTemporal(
  searchAttributes: Readonly<Record<string, SearchAttributeType>> = {},
): Promise<RunningTemporal> {
  const server = inject('temporal');
  // As long as `default`: where lines of transcripts break depends on it.
  const namespace = `t-${randomInt(36 ** 5)
    .toString(36)
    .padStart(5, '0')}`;
  const connection = await Connection.connect({ address: server.address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    const entries = Object.entries(searchAttributes).map(([name, type]) => [name, attributeTypes[type]]);
    if (entries.length > 0)
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(entries) as Record<string, number>,
      });
  } finally {
    await connection.close();
  }
  const shared = async (): Promise<never> => Promise.reject(new Error('all test files share this server'));
  return { ...server, namespace, stop: async () => undefined, kill: shared };
}
