/**
 * A look at some of the stored objects that a restore would need: presence and size, in milliseconds. A plan must not promise
 * a recovery point whose objects are gone; all of them are looked at in the restore's first step.
 */
import { isLifeboatError } from '../../domain/errors.ts';
import { layout } from '../../repository/layout.ts';
import type { Repository } from '../../repository/repository.ts';
import type { PlanProblem } from '../../domain/plan/plan.ts';
import type { Artefact } from './artefact.ts';

/** Packs of each component. */
const packsLooked = 12;

/** One problem for each component of which something lacks. `chosen` are component ids; empty means all. */
export async function spotCheck(
  repository: Repository,
  artefacts: readonly Artefact[],
  chosen: readonly string[],
): Promise<PlanProblem[]> {
  const wanted = artefacts.filter(({ record }) => chosen.length === 0 || chosen.includes(record.id));
  const found = await Promise.all(wanted.map(async (artefact) => problemOf(repository, artefact)));
  return found.flatMap((problem) => problem ?? []);
}

async function problemOf(repository: Repository, artefact: Artefact): Promise<PlanProblem | undefined> {
  const { record } = artefact;
  try {
    const packs = await repository.packsOf(record.indexId);
    const states = await Promise.all(
      spread(packs).map(async ({ id, size }) => stateOf(await repository.storage.stat(layout.pack(id)), id, size)),
    );
    const wrong = states.flatMap((state) => state ?? []);
    const [first] = wrong;
    if (first === undefined) return undefined;
    const of = `${wrong.length} of ${states.length} objects that were looked at`;
    return problem(artefact, first.code, `${of} cannot be restored, the first is ${first.text}`);
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectMissing', 'ObjectCorrupt')) throw error;
    return problem(artefact, error.code, error.message);
  }
}

function stateOf(
  info: { readonly size: number } | undefined,
  id: string,
  size: number,
): { readonly code: string; readonly text: string } | undefined {
  const key = layout.pack(id);
  if (info === undefined) return { code: 'ObjectMissing', text: `${key}, which is gone` };
  if (info.size === size) return undefined;
  return { code: 'ObjectCorrupt', text: `${key}, which has ${info.size} bytes where ${size} were written` };
}

function problem({ backupId, record: { id } }: Artefact, code: string, message: string): PlanProblem {
  return {
    code,
    subject: id,
    message: `component \`${id}\` of ${backupId}: ${message}`,
    hint: `choose another recovery point, or a copy with \`--from\`; \`lifeboat verify ${backupId}\` names all that lacks`,
  };
}

/** The first, the last, and some at equal distances between them. */
function spread<T>(items: readonly T[]): T[] {
  if (items.length <= packsLooked) return [...items];
  const step = (items.length - 1) / (packsLooked - 1);
  return Array.from({ length: packsLooked }, (_, number) => items[Math.round(number * step)]).filter(
    (item) => item !== undefined,
  );
}
