/**
 * Proves restored models, staged or live: the bytes are those captured, and each model loads and answers. A model that
 * answered when it was validated is not loaded again at the probe after the swap, where its bytes are proven the same.
 */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelsConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { isFailed } from '../../domain/probes.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import { probeModel } from '../../inference/load-probe.ts';
import type { RestoreContext } from '../driver.ts';
import { compareWithIndex, type FolderComparison } from '../folder/compare-with-index.ts';
import { compareFolderAttributes } from '../folder/folder-attributes.ts';
import { readSealedFacts } from '../folder/sealed-facts.ts';
import type { ModelFacts, ModelsFacts } from './facts.ts';
import { isLoadable } from './find-models.ts';

/** What the models of the last validation answered in this process. A worker that started since loads them again. */
export class ModelAnswers {
  #last: { readonly key: string; readonly results: readonly ProbeResult[] } | undefined;

  keep(context: RestoreContext, results: readonly ProbeResult[]): void {
    this.#last = { key: keyOf(context), results };
  }

  of(context: RestoreContext): readonly ProbeResult[] | undefined {
    return this.#last?.key === keyOf(context) ? this.#last.results : undefined;
  }
}

/** The artefact in the staging of one run. */
function keyOf({ record, staged }: RestoreContext): string {
  return JSON.stringify([record.indexId, staged]);
}

/** Away from live. */
export async function validateModels(
  config: ModelsConfig,
  context: RestoreContext,
  root: string,
  answers: ModelAnswers,
): Promise<ProbeResult[]> {
  const facts = await readSealedFacts<ModelsFacts>(context);
  const bytes = await proveBytes(context, facts, { root, times: true });
  const loaded = await proveLoading(config, context, facts, root);
  if (![...bytes, ...loaded].some(isFailed)) answers.keep(context, loaded);
  return [...bytes, ...loaded];
}

/** Live. */
export async function probeModels(
  config: ModelsConfig,
  context: RestoreContext,
  answers: ModelAnswers,
): Promise<ProbeResult[]> {
  const root = config.path;
  const facts = await readSealedFacts<ModelsFacts>(context);
  const bytes = await proveBytes(context, facts, { root, times: false });
  const known = bytes.some(isFailed) ? undefined : answers.of(context);
  const loaded = known?.map((result) => ({ ...result, actual: `${result.actual}, at validation of the same bytes` }));
  return [...bytes, ...(loaded ?? (await proveLoading(config, context, facts, root)))];
}

async function proveBytes(
  context: RestoreContext,
  { owner }: ModelsFacts,
  place: Pick<FolderComparison, 'root' | 'times'>,
): Promise<ProbeResult[]> {
  return [...(await compareWithIndex(context, place)), ...(await compareFolderAttributes(context, place.root, owner))];
}

async function proveLoading(
  config: ModelsConfig,
  context: RestoreContext,
  { models }: ModelsFacts,
  root: string,
): Promise<ProbeResult[]> {
  const results: ProbeResult[] = [];
  for (const model of models) {
    if (isLoadable(model.path)) results.push(await proveModel(config, context, root, model));
  }
  return results;
}

/** By its name, unless that leads out of the folder: a staged link may lead to the live folder, or to where that was. */
async function placeOf(root: string, { path, file = path }: ModelFacts): Promise<string> {
  const named = await realpath(join(root, path)).catch(() => undefined);
  const own = await realpath(root).catch(() => root);
  return named?.startsWith(`${own}/`) === true ? join(root, path) : join(root, file);
}

async function proveModel(
  config: ModelsConfig,
  { signal }: RestoreContext,
  root: string,
  model: ModelFacts,
): Promise<ProbeResult> {
  const common = {
    component: config.id,
    name: `model ${model.path} answers`,
    expected: `${model.architecture} gives an embedding or a token`,
  };
  try {
    const proof = await probeModel({
      modelPath: await placeOf(root, model),
      memoryLimitBytes: config.memoryLimit,
      component: config.id,
      signal,
    });
    const ok = proof.count > 0 && proof.architecture === model.architecture;
    const answer = proof.count === 0 ? 'nothing' : 'an embedding or a token';
    return { ...common, actual: `${proof.architecture} gives ${answer}`, ok };
  } catch (error) {
    // Without llama.cpp nothing was learned of the data: the hint is of more use than a failed probe.
    if (isLifeboatError(error, 'Aborted', 'Precondition')) throw error;
    return { ...common, actual: error instanceof Error ? error.message : String(error), ok: false };
  }
}
