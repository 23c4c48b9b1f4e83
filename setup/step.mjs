/** One thing that is needed, and the places it may come from. */
import { interrupted } from './interruption.mjs';
import { reportStep } from './report.mjs';

/** Says what is missing and the exact command that gets it. */
export class SetUpError extends Error {
  constructor(message, command) {
    super(message);
    this.command = command;
  }
}

/**
 * Makes sure that `find` finds something and gives it. The sources are tried in their order until one worked; each is
 * `{name, get}`, where `get` gives the megabytes that it put on the disk. `command` is what a person does when all fail.
 */
export async function provide({ title, find, sources, command, describe = String }) {
  let found;
  await reportStep(title, async (say) => {
    found = await find();
    if (found !== undefined) return { ready: true, detail: describe(found) };
    const failures = [];
    for (const { name, get } of sources.filter(Boolean)) {
      say(name);
      try {
        const megabytes = await get();
        found = await find();
        if (found !== undefined) return { megabytes, detail: describe(found) };
        failures.push(`${name}: it came, but does not work`);
      } catch (error) {
        interrupted.throwIfAborted();
        failures.push(`${name}: ${error.message}`);
      }
    }
    throw new SetUpError(
      `${title} is missing, and no source gave it:${failures.map((text) => `\n  - ${text}`).join('')}`,
      command,
    );
  });
  return found;
}
