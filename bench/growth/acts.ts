/** What is measured, each as its command or workflow does it, without Temporal. */
import { lostOf } from '../../src/operations/recovery-points/lost.ts';
import { listPoints } from '../../src/operations/recovery-points/list.ts';
import { readLocationAges } from '../../src/operations/rpo/location-coverage.ts';
import { readCoverage } from '../../src/operations/rpo/coverage.ts';
import { retentionOptions } from '../../src/operations/retention/options.ts';
import { applyRetention } from '../../src/operations/retention/retention.ts';
import { verifyPlace } from '../../src/operations/verify/place.ts';
import { verifyPoint, type VerifyLevel } from '../../src/operations/verify/recovery-point.ts';
import { planHere } from '../../src/operations/restore/plan-here.ts';
import type { Parts } from '../../workers/parts.ts';
import { backUp } from '../lifeboat/backup.ts';
import { copyName } from './appliance.ts';
import type { Act } from './axes.ts';

const onProgress = (): void => undefined;
const signal = AbortSignal.timeout(3_600_000);

/** `isFar`: in the copy. A backup is always made in the repository. */
export const performers: Readonly<Record<Act, (parts: Parts, isFar: boolean) => Promise<unknown>>> = {
  'first backup': async (parts) => backUp(parts),
  'unchanged backup': async (parts) => backUp(parts),
  increment: async (parts) => backUp(parts, 'incremental'),
  'backups list': async (parts, isFar) => listPoints(await placeOf(parts, isFar), { isCopy: isFar }),
  now: async ({ appliance, repository: open }) => {
    const repository = await open();
    const at = new Date();
    await readCoverage(repository, appliance, at);
    await readLocationAges(repository, appliance, at);
    await lostOf(repository, { reports: 'recent' });
  },
  'restore plan': async (parts, isFar) =>
    planHere(parts, { at: 'latest', components: [], rebuild: [], ...fromOf(isFar) }),
  'plan to a time': async (parts, isFar) =>
    planHere(parts, {
      at: 'latest',
      components: [],
      rebuild: [],
      toTime: new Date().toISOString(),
      ...fromOf(isFar),
    }),
  presence: async (parts, isFar) => verify(parts, isFar, ['L1-presence']),
  verify: async (parts, isFar) => verify(parts, isFar, ['L1', 'L2', 'L3']),
  'verify daily': async (parts, isFar) => {
    const own = await parts.repository();
    const { problems } = await verifyPlace({
      repository: await placeOf(parts, isFar),
      own,
      place: isFar ? copyName : 'repository',
      driver: parts.driver,
      now: new Date(),
      onProgress,
      signal,
    });
    if (problems.length > 0) throw new Error(problems.join('; '));
  },
  replicate: async (parts) => {
    const { problems } = await (
      await parts.repository()
    ).replicateTo(await parts.storage(copyName), { owner: 'bench' });
    if (problems.length > 0) throw new Error(problems.join('; '));
  },
  retention: async (parts, isFar) =>
    applyRetention({ ...(await retentionOptions(parts, isFar ? copyName : '', 0.5)), holder: 'bench', signal }),
};

async function placeOf(parts: Parts, isFar: boolean): ReturnType<Parts['repository']> {
  return parts.repository(undefined, isFar ? copyName : undefined);
}

function fromOf(isFar: boolean): { readonly from?: string } {
  return isFar ? { from: copyName } : {};
}

async function verify(parts: Parts, isFar: boolean, levels: readonly VerifyLevel[]): Promise<void> {
  const { ok, problems } = await verifyPoint({
    repository: await placeOf(parts, isFar),
    at: 'newest',
    components: [],
    levels,
    driver: parts.driver,
    onProgress,
    signal,
    orThrow: false,
  });
  if (!ok) throw new Error(`the point is not good: ${problems.join('; ')}`);
}
