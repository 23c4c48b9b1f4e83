/** `npm run bench -- --growth`: what each act costs while one thing grows. */
import { mkdir, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stateFolder } from '../../src/dev/folders.ts';
import { markRunPlace } from '../../src/dev/run-place.ts';
import type { ResultFile } from '../../src/dev/result-file.ts';
import { runCommand, runScript } from '../command.ts';
import { describeMachine, machineText } from '../machine.ts';
import { dataOf } from './appliance.ts';
import { axes, sizesOf, type Act, type Axis } from './axes.ts';
import { changeFile } from './data.ts';
import { startFar, type Far } from './far.ts';
import { Stage } from './stage.ts';
import { axisTable, rowOf, type Measured, type Row } from './table.ts';
import type { GrowthOptions } from './options.ts';

const script = fileURLToPath(new URL('./child.ts', import.meta.url));

export async function runGrowth(
  options: GrowthOptions,
  file: ResultFile | undefined,
  say: (text: string) => void,
): Promise<void> {
  const folder = join(stateFolder(), 'bench', 'growth');
  markRunPlace(folder);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const machine = await describeMachine(folder, {});
  const chosen = axes.filter(({ name }) => options.axes.includes(name));
  const results: { readonly axis: Axis; readonly rows: readonly Row[] }[] = [];
  const fars: Far[] = [];
  try {
    const stages = new Map<Axis, Map<number, Stage>>();
    say('makes the data');
    for (const axis of chosen) {
      const far = await farOf(axis, folder);
      if (far !== undefined) fars.push(far);
      const ofAxis = new Map(
        sizesOf(axis, options.largest).map((size) => [size, new Stage(axis.name, size, folder, far)]),
      );
      for (const stage of ofAxis.values()) await stage.makeData();
      stages.set(axis, ofAxis);
    }
    for (const [axis, ofAxis] of stages) results.push({ axis, rows: await measureAxis(axis, ofAxis, say) });
  } finally {
    for (const far of fars) await far.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  machine.loadAfter = loadavg()[0]!;
  const tables = results.map(({ axis, rows }) => axisTable(axis, rows));
  process.stdout.write(`\n${machineText(machine)}\n\n${tables.join('\n\n')}\n`);
  file?.write({
    at: new Date().toISOString(),
    machine,
    axes: results.map(({ axis: { name, title, latencyMs }, rows }) => ({ name, title, latencyMs, rows })),
  });
}

async function farOf({ name, latencyMs }: Axis, folder: string): Promise<Far | undefined> {
  if (latencyMs === undefined) return undefined;
  const directory = join(folder, `${name}-server`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return startFar(directory, latencyMs);
}

async function measureAxis(
  axis: Axis,
  stages: ReadonlyMap<number, Stage>,
  say: (text: string) => void,
): Promise<Row[]> {
  const measured = new Map<Act, Measured[]>(axis.acts.map((act) => [act, []]));
  for (const [size, stage] of stages) {
    say(`\n${axis.name} ${size}: prepares, load ${loadavg()[0]!.toFixed(2)}`);
    await stage.prepare();
    for (const act of axis.acts) {
      const result = await measure(stage, act).catch((error: unknown) => {
        // One act that this machine cannot do, as a plan for more than its disk holds, does not cost all others.
        say(`${axis.name} ${size} ${act}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      });
      if (result === undefined) continue;
      measured.get(act)?.push({ size, ...result });
      const { seconds, requests, peakBytes } = result;
      say(
        `${axis.name} ${size} ${act}: ${seconds.toFixed(2)} s, ${requests} requests, ${Math.round(peakBytes / 1e6)} MB`,
      );
    }
    await stage.remove();
  }
  return axis.acts.map((act) => rowOf(act, measured.get(act) ?? []));
}

/** After what it needs was done, which is not measured. */
async function measure(stage: Stage, act: Act): Promise<Omit<Measured, 'size'>> {
  if (act === 'increment' || act === 'replicate') await changeFile(dataOf(stage.folder, 0));
  if (act === 'replicate') {
    await stage.bringCopy();
    // What is to be brought there.
    await perform(stage, 'increment');
  }
  await runScript('sync');
  return perform(stage, act);
}

async function perform({ configFile, far }: Stage, act: Act): Promise<Omit<Measured, 'size'>> {
  const before = far?.requests() ?? 0;
  const { accessKeyId = '', secretAccessKey = '' } = far?.credentials ?? {};
  const { stdout } = await runCommand(process.execPath, [script, configFile, act, far === undefined ? 'here' : 'far'], {
    env: { GROWTH_ACCESS_KEY: accessKeyId, GROWTH_SECRET_KEY: secretAccessKey },
  });
  const result = JSON.parse(stdout) as Omit<Measured, 'size'>;
  // Those of the protocol: a long listing is several.
  return far === undefined ? result : { ...result, requests: far.requests() - before };
}
