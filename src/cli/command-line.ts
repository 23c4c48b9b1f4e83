/** One invocation from its arguments to its exit code, which is left in `process.exitCode`. */
import { CommanderError } from 'commander';
import { describeError, exit, exitCodeOf } from './exit.ts';
import { say } from './output/speak.ts';
import { createProgram, globalsOf } from './program.ts';
import type { Standalone } from './standalone.ts';

/** The words after `lifeboat`. Nothing is thrown: what fails is said on stderr. */
export async function runCommandLine(words: readonly string[]): Promise<void> {
  const program = createProgram();
  let standalone: Standalone | undefined;
  program.hook('preAction', async (_program, command) => {
    const globals = globalsOf(program);
    if (globals.standalone !== true) return;
    const { standaloneFor } = await import('./standalone-for.ts');
    standalone = await standaloneFor(globals, command.name());
    program.setOptionValue('temporal', standalone.address);
  });
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exit.ok : exit.usage;
    } else {
      say(describeError(error, globalsOf(program)));
      process.exitCode = exitCodeOf(error);
    }
  }
  // What the command came to stands, however this ends.
  await standalone?.end().catch((error: unknown) => say(describeError(error, globalsOf(program))));
}
