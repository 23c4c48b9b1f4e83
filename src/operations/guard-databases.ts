/** Databases whose disk runs full by what waits for the archive give it up, where that was accepted. */
import type { Appliance } from '../domain/appliance.ts';
import type { Driver } from '../drivers/driver.ts';

/** What was done. A database that does not answer is another's finding. */
export async function guardDatabases(
  { components }: Appliance,
  driver: (component: string) => Driver,
): Promise<string[]> {
  const dropped: string[] = [];
  for (const { id } of components) {
    const text = await driver(id)
      .guardWal?.()
      .catch(() => undefined);
    if (text !== undefined) dropped.push(`${id} is UNPROTECTED: ${text}`);
  }
  return dropped;
}
