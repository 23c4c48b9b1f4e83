/** One signal for a whole run: what works at that moment is ended, in set-up and after it. */
import { constants } from 'node:os';

const controller = new AbortController();

export const interrupted = controller.signal;

/** Why `interrupted` is aborted. */
export class Interrupted extends Error {
  /** `name` is the signal's: `SIGINT`. */
  constructor(name) {
    super(`interrupted by ${name}`);
    this.signal = name;
    this.exitCode = 128 + constants.signals[name];
  }
}

/**
 * From now on Ctrl-C (and SIGTERM, SIGHUP) ends what runs; the process itself goes on and cleans up. A terminal sends it to
 * the whole process group and npm hands it on as well, so the same signal comes twice: only the first one counts.
 */
export function catchSignals() {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(name, () => {
      if (!interrupted.aborted) controller.abort(new Interrupted(name));
    });
}
