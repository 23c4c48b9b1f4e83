/**
 * One measured act in a fresh process. Starting Node and loading the program is not in the time, opening the repository is.
 * Prints one JSON line.
 *
 *   node bench/growth/child.ts CONFIG ACT here|far
 */
import { readFileSync } from 'node:fs';
import { becomeLean } from '../../src/cli/lean-process.ts';
import { isLifeboatError } from '../../src/domain/errors.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { createStorages } from '../../workers/locations.ts';
import { wireParts } from '../../workers/parts.ts';
import { performers } from './acts.ts';
import { acts } from './axes.ts';
import { counted, type Counted } from './counted.ts';

// Experimental Node features that we use on purpose are no news here.
process.removeAllListeners('warning');

// As a worker: what it peaks at is a worker's peak.
becomeLean();

const [configFile = '', name = '', place = ''] = process.argv.slice(2);
const act = acts.find((each) => each === name);
if (act === undefined) throw new Error(`unknown act \`${name}\``);
const { appliance } = await loadConfiguration(configFile);
const open = createStorages(appliance);
const places = new Map<string, Promise<Counted>>();
const parts = wireParts(
  appliance,
  () => undefined,
  async (location = '') => {
    const place = places.get(location) ?? open(location).then(counted);
    places.set(location, place);
    return (await place).storage;
  },
);
try {
  await parts.loadAll();
  const before = process.cpuUsage();
  const began = performance.now();
  await performers[act](parts, place === 'far');
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(before);
  const all = await Promise.all(places.values());
  const requests = all.reduce((sum, each) => sum + each.requests(), 0);
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  const result = { seconds, cpuSeconds: (user + system) / 1e6, requests, peakBytes: Number(peak ?? 0) * 1024 };
  process.stdout.write(`${JSON.stringify(result)}\n`);
} catch (error) {
  if (!isLifeboatError(error)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await parts.close();
}
