/** A driver's own facts, sealed with the component: probes compare the restored engine with them. */
import { reservedFolder } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { parseJson } from '../../json/parse-json.ts';
import { toJson } from '../../json/to-json.ts';
import type { RestoreContext } from '../driver.ts';
import type { ComponentWriter } from '../../repository/repository.ts';

export const sealedFactsPath = `${reservedFolder}/facts.json`;

export async function writeSealedFacts(writer: ComponentWriter, facts: object): Promise<void> {
  await writer.bytes(sealedFactsPath, Buffer.from(toJson(facts)));
}

/** Trusted once read: the index is authenticated and its writer was this driver. ObjectMissing where there are none. */
export async function readSealedFacts<Facts>({
  repository,
  record,
}: Pick<RestoreContext, 'repository' | 'record'>): Promise<Facts> {
  const bytes = await repository.readFile(record.indexId, sealedFactsPath);
  if (bytes === undefined) {
    throw new LifeboatError(
      'ObjectMissing',
      `the recovery point has no \`${sealedFactsPath}\` for component \`${record.id}\``,
      { component: record.id },
    );
  }
  return parseJson(Buffer.from(bytes).toString('utf8')) as Facts;
}
