/** One signal for the whole set-up: Ctrl-C ends the running command, cleans up and leaves a state to continue from. */
const controller = new AbortController();

export const interrupted = controller.signal;

export class Interrupted extends Error {}

/** Until the real program is started, a signal stops what set-up does at this moment. */
export function catchSignals() {
  const stop = () => controller.abort(new Interrupted('interrupted'));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, stop);
  return () => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, stop);
  };
}
