/**
 * One measured act of Lifeboat in a fresh process, through src/operations and the drivers, without Temporal. Starting
 * Node and loading the program is not in the time (a worker runs always), opening the repository is. Prints one JSON line.
 *
 *   node bench/lifeboat/child.ts CONFIG init|backup|stage|prove|go-live|verify|replicate [RECOVERY POINT]
 */
import { becomeLean } from '../../src/cli/lean-process.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { initRepository } from '../../src/repository/init.ts';
import { keySourceOf, wireParts } from '../../workers/parts.ts';
import { backUp } from './backup.ts';
import { replicate, verify, type Place } from './keep.ts';
import { goLive, proveOnly, stageOnly } from './restore.ts';

// Experimental Node features that we use on purpose are no news here.
process.removeAllListeners('warning');

// As a worker.
becomeLean();

const afterwards = { keepsStaging: process.env['BENCH_KEEPS_STAGING'] === 'yes' };
const [configFile = '', act = '', point = ''] = process.argv.slice(2);
const { appliance } = await loadConfiguration(configFile);
if (act === 'init') {
  const { repository } = await initRepository(
    createLocalStorage(appliance.repository.path),
    await keySourceOf(appliance),
  );
  await repository.close();
} else {
  const parts = wireParts(appliance);
  try {
    const acts = {
      backup: async () => backUp(parts),
      stage: async () => stageOnly(parts, point, afterwards),
      prove: async () => proveOnly(parts, point, afterwards),
      'go-live': async () => goLive(parts, point),
      verify: async () => verify(parts, point),
      replicate: async () => replicate(parts, JSON.parse(process.env['BENCH_PLACE'] ?? '') as Place),
    };
    if (!(act in acts)) throw new Error(`unknown act \`${act}\``);
    process.stdout.write(`${JSON.stringify(await acts[act as keyof typeof acts]())}\n`);
  } finally {
    await parts.close();
  }
}
