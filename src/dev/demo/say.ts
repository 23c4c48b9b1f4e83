/** How the demo talks: on stderr, a title for each part and lines below it. */

let isMuted = false;

/** For a demo that is being stopped: what its parts still say would look like its course. */
export function mute(): void {
  isMuted = true;
}

export function tell(title: string, text: string): void {
  if (!isMuted) process.stderr.write(`\n== ${title}: ${text}\n`);
}

export function say(text: string): void {
  if (!isMuted) process.stderr.write(`   ${text}\n`);
}
