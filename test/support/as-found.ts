/** Test files follow one another in the same processes, which saves a start each: each finds the process as the first one did. */
import { afterAll, vi } from 'vitest';

const found = { env: { ...process.env }, cwd: process.cwd(), umask: process.umask(), exitCode: process.exitCode };

afterAll(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  for (const name of Object.keys(process.env)) if (!(name in found.env)) delete process.env[name];
  Object.assign(process.env, found.env);
  process.chdir(found.cwd);
  process.umask(found.umask);
  process.exitCode = found.exitCode;
});
