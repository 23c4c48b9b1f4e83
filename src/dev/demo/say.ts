/** How the demo talks: on stderr, a title for each part and lines below it. */

export function tell(title: string, text: string): void {
  process.stderr.write(`\n== ${title}: ${text}\n`);
}

export function say(text: string): void {
  process.stderr.write(`   ${text}\n`);
}
