/** A restore step by step: what is fetched and verified, what the private server recovers, what stops the appliance. */
import { rm } from 'node:fs/promises';
import { isFailed } from '../../src/domain/probes.ts';
import type { Manifest } from '../../src/domain/recovery-point.ts';
import type { WalTarget } from '../../src/domain/restore/target.ts';
import type { Driver, RestoreContext } from '../../src/drivers/driver.ts';
import { verifyPoint } from '../../src/operations/verify/recovery-point.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { Parts } from '../../workers/parts.ts';
import { since } from './backup.ts';

export interface StageTimes {
  readonly seconds: number;
  /** From the begin of the stagings, which run side by side. */
  readonly parts: Readonly<Record<string, number>>;
}

export interface GoLiveTimes {
  readonly recoverySeconds: number;
  readonly stopSeconds: number;
  readonly swapSeconds: number;
  readonly startSeconds: number;
  readonly probeSeconds: number;
}

/** What becomes of what was staged, which is not timed: removed, as an undo does, unless somebody else does it later. */
export interface Afterwards {
  readonly keepsStaging?: boolean;
}

/** Objects looked up, every component fetched, verified, written and made durable beside the live data. */
export async function stageOnly(
  parts: Parts,
  point: string,
  { keepsStaging = false }: Afterwards = {},
): Promise<StageTimes> {
  const restore = await stageAll(parts, point);
  if (!keepsStaging) await restore.each(9, async (driver, context) => driver.undo(context));
  return restore.times;
}

/** The whole way to a running restored appliance. */
export async function goLive(parts: Parts, point: string): Promise<GoLiveTimes> {
  const { each } = await stageAll(parts, point);
  const services = parts.appliance.services.map(({ name }) => name).filter((name) => name !== 'app');
  const signal = AbortSignal.timeout(600_000);
  const timed = async (act: () => Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await act();
    return since(began);
  };
  const probesOf = async (phase: number, call: 'validate' | 'probe'): Promise<void> => requireProbes(each, phase, call);
  const times = {
    recoverySeconds: await timed(async () => probesOf(2, 'validate')),
    stopSeconds: await timed(async () => Promise.all(services.map(async (name) => parts.platform.stop(name, signal)))),
    swapSeconds: await timed(async () => each(3, async (driver, context) => driver.swap(context))),
    startSeconds: await timed(async () =>
      Promise.all(services.map(async (name) => parts.platform.start(name, signal))),
    ),
    probeSeconds: await timed(async () => probesOf(4, 'probe')),
  };
  const committed = await each(5, async (driver, context) => driver.commit(context));
  // A person keeps the old data for a while; here they would fill the disk run by run.
  for (const path of committed.flatMap(({ safetyCopies }) => safetyCopies))
    await rm(path, { recursive: true, force: true });
  return times;
}

/** What was staged, validated, and the live data, which must be as it was captured, probed; nothing is exchanged. */
export async function proveOnly(
  parts: Parts,
  point: string,
  { keepsStaging = false }: Afterwards = {},
): Promise<{ readonly seconds: number }> {
  const { each } = await stageAll(parts, point);
  const began = performance.now();
  await requireProbes(each, 2, 'validate');
  await requireProbes(each, 4, 'probe');
  const seconds = since(began);
  if (!keepsStaging) await each(9, async (driver, context) => driver.undo(context));
  return { seconds };
}

async function requireProbes(each: Restore['each'], phase: number, call: 'validate' | 'probe'): Promise<void> {
  const probes = (await each(phase, async (driver, context) => driver[call](context))).flat();
  const failed = probes.filter(isFailed);
  if (failed.length > 0) throw new Error(`probes failed: ${JSON.stringify(failed)}`);
}

interface Restore {
  readonly times: StageTimes;
  /** Calls every driver at once, under the fencing token of that phase. */
  readonly each: <T>(phase: number, call: (driver: Driver, context: RestoreContext) => Promise<T>) => Promise<T[]>;
}

async function stageAll({ repository: open, driver }: Parts, point: string): Promise<Restore> {
  const began = performance.now();
  const repository = await open();
  const manifest = await repository.findManifest(point);
  const parts: Record<string, number> = { open: since(began) };
  await verifyPoint({
    repository,
    at: point,
    components: [],
    levels: ['L1-presence'],
    onProgress: () => undefined,
    signal: AbortSignal.timeout(600_000),
    orThrow: true,
  });
  parts['presence'] = since(began);
  const staging = performance.now();
  const context = contexts(repository, new Date().toISOString());
  const each: Restore['each'] = async (phase, call) =>
    Promise.all(
      manifest.lifeboat.components.map(async (record) => call(await driver(record.id), context(record, phase))),
    );
  await each(1, async (one, at) => {
    await one.stage(at);
    parts[one.component] = since(staging);
  });
  return { times: { seconds: since(began), parts }, each };
}

/** Contexts of every phase of one restore. */
export function contexts(repository: Repository, lockStart: string, wal?: WalTarget) {
  const token = (phase: number) => ({ lockStart, runId: `bench-${process.pid}`, attempt: phase * 1000 + 1 });
  return (record: Manifest['lifeboat']['components'][number], phase: number): RestoreContext => ({
    repository,
    record,
    token: token(phase),
    staged: token(1),
    replaceDamaged: false,
    ...(wal === undefined ? {} : { wal }),
    onProgress: () => undefined,
    signal: AbortSignal.timeout(3_600_000),
  });
}
