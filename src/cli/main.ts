#!/usr/bin/env node
/**
 * Entry of the command line. It imports nothing of ours before the compile cache is on: half of a short command's time
 * would be spent on stripping and compiling the same sources again.
 */
import { enableCompiledCode } from './compile-cache.ts';

enableCompiledCode();
// The SDK's and PostgreSQL clients' notes on experimental Node features are no news for a person at 03:00.
process.removeAllListeners('warning');
const { outliveReaders } = await import('./output/broken-pipe.ts');
outliveReaders(process.stdout, process.stderr);
const { runCommandLine } = await import('./command-line.ts');
await runCommandLine(process.argv.slice(2));
