/** Registers the search attributes that runs show. Where that is not allowed, runs go on without them. */
import type { Connection } from '@temporalio/client';
import type { Logger } from 'pino';

/** Values of temporal.api.enums.v1.IndexedValueType, which the SDK does not export by name. */
const keyword = 2;
const bool = 5;
const datetime = 6;

export const searchAttributes = {
  LifeboatAppliance: keyword,
  LifeboatKind: keyword,
  LifeboatState: keyword,
  LifeboatWaitingOn: keyword,
  LifeboatBackup: keyword,
  LifeboatBreached: bool,
  LifeboatDeadline: datetime,
} as const;

const waitMs = 15_000;

/** True once a run may use them. An unregistered attribute would make its workflow tasks fail for ever. */
export async function registerSearchAttributes(
  connection: Connection,
  namespace: string,
  log: Logger,
): Promise<boolean> {
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
    for (const end = Date.now() + waitMs; Date.now() < end;) {
      if ((await missing()).length === 0) return true;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return false;
  } catch (error) {
    log.warn(
      { reason: (error as Error).message },
      'search attributes could not be registered; runs go on without them',
    );
    return false;
  }
}
