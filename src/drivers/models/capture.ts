/** Reads a folder of models. Headers are checked always; a model that was read anew is also loaded. */
import { realpath } from 'node:fs/promises';
import type { ComponentConfig, ModelsConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { hasVanished } from '../../domain/vanished.ts';
import { readGgufHeader, type GgufHeader } from '../../inference/gguf-read.ts';
import { probeModel } from '../../inference/load-probe.ts';
import { AttributeCapture } from '../attributes/capture.ts';
import type { CaptureContext, CaptureFacts } from '../driver.ts';
import { captureEntries } from '../folder/capture-entries.ts';
import { entriesWithAttributes, ownerWithAttributes } from '../folder/folder-attributes.ts';
import { refuseFaults } from '../folder/folder-links.ts';
import { Meanwhile } from '../folder/meanwhile.ts';
import { refuseUnreadable } from '../folder/readable.ts';
import { writeSealedFacts } from '../folder/sealed-facts.ts';
import { walkFolder } from '../folder/walk-folder.ts';
import type { ModelFacts, ModelsFacts } from './facts.ts';
import { findModels, isLoadable, type FoundModel } from './find-models.ts';

/**
 * SourceEmpty without a .gguf file; SourceCorrupt for one that is shorter than its own tensor table says; Precondition for
 * a link behind which a model lies that no component carries.
 */
export async function captureModels(
  config: ModelsConfig,
  context: CaptureContext,
  others: readonly ComponentConfig[],
): Promise<CaptureFacts> {
  const capturedFrom = new Date();
  const meanwhile = new Meanwhile();
  const entries = await walkFolder(config.path, config.id, {
    leaveOut: (left) => context.writer.leaveOut(left),
    vanished: (path) => meanwhile.vanished(path),
  });
  const { models, links } = await findModels(config, entries, others);
  refuseFaults(links, config.id);
  for (const { path, what } of links.lacks) context.writer.leaveOut({ path, what });
  if (models.length === 0)
    throw new LifeboatError('SourceEmpty', `\`${config.path}\` holds no .gguf file`, { component: config.id });
  for (const { absolutePath } of models) {
    await refuseUnreadable(absolutePath, config.id);
    await headerOf(absolutePath, config.id);
  }
  const attributes = await AttributeCapture.begin();
  const files = new Set(models.map(({ file }) => file));
  const reused = await captureEntries(context.writer, await entriesWithAttributes(attributes, config.path, entries), {
    component: config.id,
    isData: (path) => files.has(path),
    meanwhile,
  });
  const facts: ModelFacts[] = [];
  for (const model of models) {
    const { path, file } = model;
    context.onProgress({ phase: 'checking models', bytesDone: 0, bytesTotal: 0, note: path });
    const proof = await proofOf(config, model, reused.has(file), context.signal);
    facts.push({ path, ...(file === path ? {} : { file }), ...proof });
  }
  const owner = await ownerWithAttributes(attributes, config.path);
  await writeSealedFacts(context.writer, {
    owner,
    place: { path: config.path, real: await realpath(config.path) },
    models: facts,
    ...meanwhile.sealedFacts,
    ...attributes.sealedFacts,
  } satisfies ModelsFacts);
  return {
    capturedFrom,
    capturedUntil: new Date(),
    // A model file is written once and then only read; one that changed while it was read was refused.
    quiescence: meanwhile.isStill ? 'stable-window' : 'unproven',
    facts: {
      models: facts.length,
      architectures: [...new Set(facts.map(({ architecture }) => architecture))],
      ...(meanwhile.isStill ? {} : meanwhile.facts),
      ...attributes.facts,
    },
  };
}

async function proofOf(
  config: ModelsConfig,
  { path, absolutePath }: FoundModel,
  wasReused: boolean,
  signal: AbortSignal,
): Promise<Omit<ModelFacts, 'path'>> {
  const { architecture } = await headerOf(absolutePath, config.id);
  // An unchanged model was loaded when it was new.
  if (!wasReused && isLoadable(path))
    await probeModel({ modelPath: absolutePath, memoryLimitBytes: config.memoryLimit, component: config.id, signal });
  return { architecture };
}

async function headerOf(path: string, component: string): Promise<GgufHeader> {
  return readGgufHeader(path).catch((error: NodeJS.ErrnoException) => {
    if (!hasVanished(error.code)) throw error;
    throw new LifeboatError('SourceChanged', `\`${path}\` went while it was read`, { component, cause: error });
  });
}
