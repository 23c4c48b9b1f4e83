import { vi } from 'vitest';

/** Looks until nothing is thrown. The time stops what hangs; vitest's own second would judge the speed of the machine. */
export async function waitFor<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(look, { timeout: 120_000, interval: 50 });
}
