/** What nobody caught, as an error of a library's own timer: it is said like every other error, and never as a stack trace. */
import { describeError, exitCodeOf } from './exit.ts';
import { tellWhatGoesOn } from './interrupt.ts';
import { say } from './output/speak.ts';

/**
 * Ends the process on what nobody caught. The result is called once the outcome is known: from then on it stays what the exit
 * code tells, and only LIFEBOAT_DEBUG shows what came after it.
 */
export function endOnUncaught(): () => void {
  let isOver = false;
  process.on('uncaughtException', (error) => {
    if (!isOver) {
      say(describeError(error));
      void tellWhatGoesOn();
      process.exit(exitCodeOf(error));
    }
    if (process.env.LIFEBOAT_DEBUG !== undefined) say(describeError(error));
    process.exit();
  });
  return () => void (isOver = true);
}
