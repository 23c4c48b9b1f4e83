/**
 * Memory of WebAssembly goes back to the system when its object is collected, and V8 does not count it: without a word it
 * would stay until the heap itself has grown.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Takes some tens of milliseconds: for moments in which nobody waits. */
export function collectGarbage(): void {
  if (collect === undefined) {
    // Contexts that are made from now on have the function; ours has not.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
