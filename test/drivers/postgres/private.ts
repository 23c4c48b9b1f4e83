/** Private servers on staged data, for tests. */
import { findPostgresBin } from '../../../src/dev/engines.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import type { SealedFacts } from '../../../src/drivers/postgres/facts.ts';
import { findPrograms } from '../../../src/drivers/postgres/server/programs.ts';
import { startPrivateServer } from '../../../src/drivers/postgres/server/private-server.ts';
import type { PrivateServer, PrivateServerOptions } from '../../../src/drivers/postgres/server/private-server.ts';
import { prepareForRecovery } from '../../../src/drivers/postgres/restore/staged-directory.ts';
import { stagingPath } from '../../../src/drivers/swap/staging.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { sealedJson } from './lab.ts';
import type { Lab } from './lab.ts';

export async function startOn(
  { config, repository, step }: Lab,
  record: ComponentRecord,
  path: string,
  options: Pick<PrivateServerOptions, 'stopTimeoutMs'> | Pick<PrivateServerOptions, 'signal'> | object = {},
): Promise<PrivateServer> {
  const facts = await sealedJson<SealedFacts>(repository, record, '.lifeboat/facts.json');
  await prepareForRecovery({ path, elsewhere: [], owner: undefined });
  return startPrivateServer({
    component: 'postgres',
    programs: await findPrograms({ ...config, binDirectory: findPostgresBin() }, createProcessTarget(), facts.major),
    dataDirectory: path,
    facts,
    owner: { uid: process.getuid!(), gid: process.getgid!() },
    goal: { timeline: facts.timeline },
    source: async () => undefined,
    signal: step(record, 2).signal,
    ...options,
  });
}

export async function staged(lab: Lab): Promise<{ record: ComponentRecord; path: string }> {
  const record = await lab.capture();
  await lab.driver.stage(lab.step(record, 1));
  return { record, path: await stagingPath(lab.config.dataDirectory, 'postgres', lab.step(record, 1).token) };
}
