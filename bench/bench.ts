/** What every row of the benchmark works with. */
import { runScript } from './command.ts';
import type { ApplianceSize } from '../src/dev/appliance/seed/sizes.ts';
import type { DataSet } from './data/data-set.ts';
import type { Peers } from './peers/peers.ts';
import type { Recorder } from './measure.ts';
import type { Group } from './groups.ts';

export interface Bench {
  readonly data: DataSet;
  readonly size: ApplianceSize;
  readonly peers: Peers;
  readonly record: Recorder;
  readonly wants: (group: Group) => boolean;
  readonly say: (text: string) => void;
}

/** Takes the time of one measured act, on a machine that has written out what came before. */
export async function timed(bench: Bench, name: string, act: () => Promise<number>): Promise<void> {
  await runScript('sync');
  const seconds = await act();
  bench.record.add(name, seconds);
  bench.say(`${name}: ${seconds.toFixed(2)} s`);
}
