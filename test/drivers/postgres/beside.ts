/** Repeats an act beside the test, one after the other, until `stop`. Its errors come out of `stop`. */
export function runBeside(act: () => Promise<void>): { stop(): Promise<void> } {
  let isStopped = false;
  const running = (async () => {
    while (!isStopped) await act();
  })();
  running.catch(() => {}); // Reported by stop.
  return {
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
}
