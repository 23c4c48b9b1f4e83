/** Which test files belong to which project of vitest, and in which order they run. test/structure/tiers.test.ts keeps it true. */
import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They start an engine: PostgreSQL, Redis, Temporal, an S3 or SSH server. */
export const engineFiles = [
  'test/cli/{plan-gate,runs,upkeep}.test.ts',
  'test/client/**/*.test.ts',
  'test/config/cron.test.ts',
  'test/dev/{appliance,engines}.test.ts',
  'test/drivers/postgres/{busy,capture,check,contract,databases,increment,inspect,point-in-time,private-server,private-settings,restore}.test.ts',
  'test/drivers/postgres/{links,measure,settings,slots,targets,tls,token,undo-restore,wal,wal-locations}.test.ts',
  'test/drivers/redis/{check,contract,deployment,dump,inspect,odd-dumps,redis,refused,starts}.test.ts',
  'test/operations/verify/recovery-point.test.ts',
  'test/platform/{engine-readiness,process-platform}.test.ts',
  'test/repository/{replicate,replicate-faults}.test.ts',
  'test/schedules/**/*.test.ts',
  'test/storage/{s3,ssh,ssh-left}.test.ts',
  'test/workflows/**/*.test.ts',
];

/**
 * Whole runs of the product, its package and its commands; and what needs no engine but minutes of a processor: months of
 * retention, contracts that kill a process at each step, native libraries loaded over and over.
 */
export const drillFiles = [
  'test/drills/**/*.test.ts',
  'test/package/**/*.test.ts',
  'test/drivers/swap/{put-back,swap}.test.ts',
  'test/drivers/{files,models,vectorstore}/contract.test.ts',
  'test/drivers/{models/models,vectorstore/vectorstore,attributes/attributes}.test.ts',
  'test/golden/**/*.test.ts',
  'test/operations/{retention/ninety-days,verify/place,wal/wal-window}.test.ts',
  'test/repository/{collect,faults,hostile-repository,restore-script,restore-script-wal}.test.ts',
];

/**
 * What depends on the server of PostgreSQL itself, for the majors beside the usual one. How attempts are killed, fenced and
 * run twice is our own doing and the same on all.
 */
export const majorFiles = ['test/drivers/postgres/{restore,wal,private-settings}.test.ts'];

/** Files that take longest, the longest first, as measured: one that begins last is waited for alone. */
export const slowFiles = [
  'test/drills/demo.test.ts',
  'test/drills/ends.test.ts',
  'test/drills/faults.test.ts',
  'test/drivers/swap/swap.test.ts',
  'test/drivers/postgres/point-in-time.test.ts',
  'test/cli/runs.test.ts',
  'test/workflows/restore/restore.test.ts',
  'test/drivers/models/contract.test.ts',
  'test/drills/hostile.test.ts',
  'test/storage/ssh.test.ts',
  'test/repository/replicate-faults.test.ts',
  'test/drills/point-in-time.test.ts',
  'test/drivers/redis/contract.test.ts',
  'test/drivers/postgres/contract.test.ts',
  'test/repository/restore-script.test.ts',
  'test/repository/hostile-repository.test.ts',
  'test/operations/retention/ninety-days.test.ts',
];

/**
 * The projects share one queue: the slow files, then drills and engines, because their tests wait for processes, then the
 * rest; each by size.
 * The order is the same on every machine and in every run.
 */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): readonly [number, number, number] => {
      const at = slowFiles.indexOf(relative(process.cwd(), moduleId));
      const projectAt = project.name === 'drills' ? 0 : project.name === 'unit' ? 2 : 1;
      return [at === -1 ? slowFiles.length : at, projectAt, -statSync(moduleId).size];
    };
    const ranked = files.map((file) => ({ file, by: rank(file) }));
    return ranked.sort(({ by: a }, { by: b }) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]).map(({ file }) => file);
  }
}
