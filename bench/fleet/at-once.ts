/** Many calls of a server that is busy. */
import { setTimeout as delay } from 'node:timers/promises';

/** Some at a time. */
export async function atOnce<T>(items: readonly T[], most: number, act: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const next = async (): Promise<void> => {
    for (const item of left) await act(item);
  };
  await Promise.all(Array.from({ length: most }, next));
}

const attempts = 10;

/** Again where it fails: a server that is asked for more than it does lets calls time out. */
export async function patiently<T>(act: () => Promise<T>, pauseMs = 2000): Promise<T> {
  for (let left = attempts; ; left -= 1) {
    try {
      return await act();
    } catch (error) {
      if (left === 1) throw error;
      await delay(pauseMs);
    }
  }
}
