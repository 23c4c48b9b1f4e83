#!/usr/bin/env node
/**
 * Entry of the command line. It is JavaScript and imports nothing of ours before the compile cache is on: where one source
 * must be stripped of its types, Node loads the program that does it, which takes as long as the rest of a short command.
 */
import * as nodeModule from 'node:module';
import { userInfo } from 'node:os';
import { join } from 'node:path';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  // Only in a clone: the package's command looks for another Node first (bin.ts).
  process.stderr.write(
    `error: Lifeboat needs Node 22.18 or newer, this is ${process.version}\n  hint: \`npm run demo\` once in this clone brings one, and \`npm run -s lifeboat --\` uses it\n`,
  );
  process.exit(5);
}
keepCompiledCode();
// The SDK's and PostgreSQL clients' notes on experimental Node features are no news for a person at 03:00.
process.removeAllListeners('warning');
const { outliveReaders } = await import('./output/broken-pipe.ts');
outliveReaders(process.stdout, process.stderr);
const { endOnUncaught } = await import('./uncaught.ts');
const outcomeIsKnown = endOnUncaught();
const { runCommandLine } = await import('./command-line.ts');
await runCommandLine(process.argv.slice(2));
outcomeIsKnown();

/**
 * Compiled code is kept in `.cache/lifeboat/compiled` of the user's own home, as the system knows it: HOME may be somebody
 * else's (`sudo`), who could then choose what root executes. NODE_COMPILE_CACHE names another folder,
 * NODE_DISABLE_COMPILE_CACHE none. Where nothing can be kept, each command compiles anew.
 */
function keepCompiledCode() {
  try {
    // An empty one is none to Node when it starts, and would be the working directory here.
    const folder = process.env.NODE_COMPILE_CACHE || join(userInfo().homedir, '.cache', 'lifeboat', 'compiled');
    nodeModule.enableCompileCache(folder);
    // Threads and children of a worker look for it there.
    process.env.NODE_COMPILE_CACHE = folder;
  } catch {
    // A user that the system does not know, as in a container, has no home.
  }
}
