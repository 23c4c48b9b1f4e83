/** Reads a folder of models. Headers are checked always; a model that was read anew is also loaded. */
import { realpath } from 'node:fs/promises';
import type { ComponentConfig, ModelsConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { readGgufHeader } from '../../inference/gguf-read.ts';
import { probeModel } from '../../inference/load-probe.ts';
import { AttributeCapture } from '../attributes/capture.ts';
import type { CaptureContext, CaptureFacts } from '../driver.ts';
import { entriesWithAttributes, ownerWithAttributes } from '../folder/folder-attributes.ts';
import { refuseFaults } from '../folder/folder-links.ts';
import { refuseUnreadable } from '../folder/readable.ts';
import { writeSealedFacts } from '../folder/sealed-facts.ts';
import { walkFolder, type FolderEntry } from '../folder/walk-folder.ts';
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
  const entries = await walkFolder(config.path, config.id, (left) => context.writer.leaveOut(left));
  const { models, links } = await findModels(config, entries, others);
  refuseFaults(links, config.id);
  for (const { path, what } of links.lacks) context.writer.leaveOut({ path, what });
  if (models.length === 0)
    throw new LifeboatError('SourceEmpty', `\`${config.path}\` holds no .gguf file`, { component: config.id });
  for (const { absolutePath } of models) {
    await refuseUnreadable(absolutePath, config.id);
    await readGgufHeader(absolutePath);
  }
  const attributes = await AttributeCapture.begin();
  const reused = await writeEntries(config, context, await entriesWithAttributes(attributes, config.path, entries));
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
    ...attributes.sealedFacts,
  } satisfies ModelsFacts);
  return {
    capturedFrom,
    capturedUntil: new Date(),
    // A model file is written once and then only read; one that changed while it was read was refused.
    quiescence: 'stable-window',
    facts: {
      models: facts.length,
      architectures: [...new Set(facts.map(({ architecture }) => architecture))],
      ...attributes.facts,
    },
  };
}

/** Paths of files that were not read, because nothing changed since the previous recovery point. */
async function writeEntries(
  config: ModelsConfig,
  { writer }: CaptureContext,
  entries: readonly FolderEntry[],
): Promise<Set<string>> {
  const reused = new Set<string>();
  await Promise.all(
    entries.map(async (entry) => {
      if (entry.kind === 'other') return writer.add(entry.meta);
      const result = await writer.fromDisk(entry.meta, entry.absolutePath);
      if (result.changedDuringRead)
        throw new LifeboatError('SourceChanged', `\`${entry.absolutePath}\` changed while it was read`, {
          component: config.id,
        });
      if (result.reused) reused.add(entry.meta.path);
    }),
  );
  return reused;
}

async function proofOf(
  config: ModelsConfig,
  { path, absolutePath }: FoundModel,
  wasReused: boolean,
  signal: AbortSignal,
): Promise<Omit<ModelFacts, 'path'>> {
  const { architecture } = await readGgufHeader(absolutePath);
  // An unchanged model was loaded when it was new.
  if (!wasReused && isLoadable(path))
    await probeModel({ modelPath: absolutePath, memoryLimitBytes: config.memoryLimit, component: config.id, signal });
  return { architecture };
}
