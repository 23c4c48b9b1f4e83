/**
 * What all test files share, started once before the first one: a Temporal server, in which each file has its own namespace,
 * and the workflow bundle, which its workers find by LIFEBOAT_BUNDLES.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { templateFolder } from '../../src/dev/postgres-template.ts';
import { startTemporal, type RunningTemporal } from '../../src/dev/temporal.ts';
import { workflowBundle } from '../../workers/bundle.ts';
import { temporaryFolder } from './temporary-folder.ts';

export type SharedTemporal = Omit<RunningTemporal, 'stop' | 'kill'>;

declare module 'vitest' {
  interface ProvidedContext {
    temporal: SharedTemporal;
  }
}

interface Shared {
  readonly temporal: RunningTemporal;
  readonly stop: () => Promise<void>;
}

/** Each project of vitest loads this file for itself; they run in one process. */
const place = globalThis as { lifeboatShared?: { users: number; readonly shared: Promise<Shared> } };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const held = (place.lifeboatShared ??= { users: 0, shared: start() });
  held.users += 1;
  const { temporal, stop } = await held.shared;
  const { address, namespace, port, uiPort, uiUrl, logFile, databaseFile, command, pid } = temporal;
  project.provide('temporal', { address, namespace, port, uiPort, uiUrl, logFile, databaseFile, command, pid });
  return async () => {
    held.users -= 1;
    if (held.users === 0) await stop();
  };
}

async function start(): Promise<Shared> {
  await removeHalfTemplates();
  const folder = await temporaryFolder('shared');
  const [temporal] = await Promise.all([
    // Tests look at its web UI too. Skipping of time is asked for run by run.
    startTemporal({
      directory: folder.path,
      inMemory: true,
      // It serves all files: collecting its garbage eight times less often saves a fifth of its processor time.
      env: { GOGC: '800' },
      dynamicConfig: { 'frontend.WorkflowTimeSkippingEnabled': 'true', 'frontend.WorkflowPauseEnabled': 'true' },
    }),
    workflowBundle(process.env['LIFEBOAT_BUNDLES'] ?? folder.path),
  ]);
  return {
    temporal,
    stop: async () => {
      await temporal.stop();
      await folder.remove();
    },
  };
}

/** What killed processes were making. */
async function removeHalfTemplates(): Promise<void> {
  const templates = templateFolder();
  if (templates === undefined) return;
  for (const name of await readdir(templates).catch(() => [])) {
    const [, pid] = /^\.partial-(\d+)-/.exec(name) ?? [];
    if (name.startsWith('.partial-') && (pid === undefined || !isAlive(Number(pid))))
      await rm(join(templates, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
