/** Registers the search attributes that runs show. Where that is not allowed, runs go on without them. */
import { temporal } from '@temporalio/proto';
import type { Connection } from '@temporalio/client';
import type { Logger } from 'pino';

const { INDEXED_VALUE_TYPE_BOOL, INDEXED_VALUE_TYPE_DATETIME, INDEXED_VALUE_TYPE_KEYWORD } = temporal.api.enums.v1.IndexedValueType;

export const searchAttributes = {
  LifeboatAppliance: INDEXED_VALUE_TYPE_KEYWORD,
  LifeboatKind: INDEXED_VALUE_TYPE_KEYWORD,
  LifeboatState: INDEXED_VALUE_TYPE_KEYWORD,
  LifeboatWaitingOn: INDEXED_VALUE_TYPE_KEYWORD,
  LifeboatBackup: INDEXED_VALUE_TYPE_KEYWORD,
  LifeboatBreached: INDEXED_VALUE_TYPE_BOOL,
  LifeboatDeadline: INDEXED_VALUE_TYPE_DATETIME,
} as const;

const waitMs = 15_000;

/** True once a run may use them. An unregistered attribute would make its workflow tasks fail for ever. */
export async function registerSearchAttributes(connection: Connection, namespace: string, log: Logger): Promise<boolean> {
  try {
    const missing = async (): Promise<string[]> => {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      return Object.keys(searchAttributes).filter((name) => customAttributes?.[name] === undefined);
    };
    const absent = await missing();
    if (absent.length === 0) return true;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(Object.entries(searchAttributes).filter(([name]) => absent.includes(name))),
    });
    for (const end = Date.now() + waitMs; Date.now() < end; ) {
      if ((await missing()).length === 0) return true;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return false;
  } catch (error) {
    log.warn({ reason: (error as Error).message }, 'search attributes could not be registered; runs go on without them');
    return false;
  }
}
