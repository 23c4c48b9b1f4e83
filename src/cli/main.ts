#!/usr/bin/env node
/** Entry of the command line. */
import { CommanderError } from 'commander';
import { say } from './context.ts';
import { describeError, exit, exitCodeOf } from './exit.ts';
import { outliveReaders } from './output/broken-pipe.ts';
import { createProgram, globalsOf } from './program.ts';
import { standaloneFor } from './standalone-for.ts';
import type { Standalone } from './standalone.ts';

// The SDK's and PostgreSQL clients' notes on experimental Node features are no news for a person at 03:00.
process.removeAllListeners('warning');
outliveReaders(process.stdout, process.stderr);

const program = createProgram();
let standalone: Standalone | undefined;
program.hook('preAction', async (_program, command) => {
  standalone = await standaloneFor(globalsOf(program), command.name());
  if (standalone !== undefined) program.setOptionValue('temporal', standalone.address);
});
async function parse(): Promise<void> {
  try {
    await program.parseAsync(process.argv);
  } finally {
    await standalone?.end();
  }
}

try {
  await parse();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exit.ok : exit.usage;
  } else {
    say(describeError(error, globalsOf(program)));
    process.exitCode = exitCodeOf(error);
  }
}
