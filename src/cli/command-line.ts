/** One invocation from its arguments to its exit code, which is left in `process.exitCode`. */
import { CommanderError, type Command } from 'commander';
import { LifeboatError } from '../domain/errors.ts';
import { describeError, exit, exitCodeOf } from './exit.ts';
import { say } from './output/speak.ts';
import { createProgram, globalsOf } from './program.ts';
import type { Standalone } from './standalone.ts';

/** The words after `lifeboat`. Nothing is thrown: what fails is said on stderr. */
export async function runCommandLine(words: readonly string[]): Promise<void> {
  const program = createProgram();
  let standalone: Standalone | undefined;
  program.hook('preAction', async (_program, command) => {
    refuseEmptyWords(program, command);
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

/** An empty variable of a script must not read as if the word had been left out: it chose the usual place, or everything. */
function refuseEmptyWords(program: Command, command: Command): void {
  const given = [...new Set([program, command])].flatMap((each) =>
    each.options.flatMap((option) => {
      const name = option.attributeName();
      const source = each.getOptionValueSource(name);
      const isEmpty = each.getOptionValue(name) === '' && source !== 'default';
      return isEmpty ? [source === 'env' ? (option.envVar ?? name) : (option.long ?? name)] : [];
    }),
  );
  const empty = command.args.includes('') ? ['an argument', ...given] : given;
  if (empty.length === 0) return;
  throw new LifeboatError('InputInvalid', `${empty.join(', ')} ${empty.length === 1 ? 'is' : 'are'} empty`, {
    hint: 'give a value, or leave it out: then it is as the help says',
  });
}
