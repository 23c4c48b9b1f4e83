/** L3 of a recovery point: every component's structure by its driver, from the repository alone. */
import { errorCatalogue, isLifeboatError } from '../../domain/errors.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { Repository } from '../../repository/repository.ts';

export interface InspectOptions {
  readonly repository: Repository;
  readonly records: readonly ComponentRecord[];
  /** Throws NotFound for a component that is not configured any more. */
  readonly driver: (component: string) => Promise<Driver>;
  readonly signal: AbortSignal;
}

export interface Structure {
  /** What is not as it was captured, with component and file. */
  readonly problems: readonly string[];
  /** Components that nobody can inspect, for they left the configuration. */
  readonly uninspected: readonly string[];
}

/** Damage is an answer, not an error; a disk that does not answer and a newer format are errors. */
export async function inspectPoint({ repository, records, driver, signal }: InspectOptions): Promise<Structure> {
  const problems: string[] = [];
  const uninspected: string[] = [];
  for (const record of records) {
    const of = await driverOf(driver, record);
    if (of === undefined) {
      uninspected.push(record.id);
      continue;
    }
    try {
      for (const { component, name, expected, actual, ok } of await of.inspect(repository, record, signal)) {
        if (!ok) problems.push(`${component}: ${name}: expected ${expected}, found ${actual}`);
      }
    } catch (error) {
      if (signal.aborted || !tellsOfThePoint(error)) throw error;
      problems.push(`${record.id}: its structure cannot be read: ${(error as Error).message}`);
    }
  }
  return { problems, uninspected };
}

/** Undefined also where another kind of component has the name now. */
async function driverOf(driver: InspectOptions['driver'], { id, kind }: ComponentRecord): Promise<Driver | undefined> {
  try {
    const found = await driver(id);
    return found.kind === kind ? found : undefined;
  } catch (error) {
    if (isLifeboatError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** A parser that stumbles, or an object that is gone; not the operating system and not the version of this Lifeboat. */
function tellsOfThePoint(error: unknown): boolean {
  if (isLifeboatError(error)) return error.code !== 'FormatTooNew' && !errorCatalogue[error.code].retryable;
  return error instanceof Error && !('syscall' in error);
}
