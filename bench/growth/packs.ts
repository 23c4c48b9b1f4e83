/** One recovery point that needs many packs, each as small as a file: what depends on their number costs what full ones cost. */
import { readFile } from 'node:fs/promises';
import { captureComponent } from '../../src/operations/backup/capture-component.ts';
import { sealBackup } from '../../src/operations/backup/seal.ts';
import type { Parts } from '../../workers/parts.ts';
import { contentPath } from './data.ts';
import { inLanes } from '../../src/domain/in-lanes.ts';

const writersAtOnce = 4;

/** Each of the first `count` files of the component in a pack of its own. */
export async function sealManyPacks(parts: Parts, folder: string, count: number): Promise<void> {
  const { appliance, driver: driverOf, repository: open } = parts;
  const repository = await open();
  const driver = await driverOf(appliance.components[0]?.id ?? '');
  const startedAt = new Date();
  const backupId = await repository.reserve(startedAt, 'bench');
  const resumePacks: string[] = [];
  await inLanes(
    writersAtOnce,
    Array.from({ length: count }, (_, number) => number),
    async (number) => {
      const { component: componentId, blockSize } = driver;
      const writer = await repository.writeComponent({ backupId, componentId, blockSize });
      await writer.bytes('one', await readFile(contentPath(folder, number)));
      await writer.finish();
      resumePacks.push(...writer.committedPacks());
    },
  );
  const receipt = await captureComponent({
    repository,
    driver,
    host: appliance.host,
    backupId,
    previous: undefined,
    resumePacks,
    onProgress: () => undefined,
    signal: AbortSignal.timeout(3_600_000),
  });
  await sealBackup({
    repository,
    appliance,
    backupId,
    type: 'full',
    startedAt: startedAt.toISOString(),
    receipts: [receipt],
    failures: [],
    workflow: null,
  });
  await repository.closeIntent(backupId);
}
