/** The guide's check of one vector store folder (D3.8), with the result that its own function gives. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isLifeboatError } from '../../domain/errors.ts';
import { refuseUnreadable } from '../folder/readable.ts';
import { searchK } from './facts.ts';
import { indexFile, metadataFile, readMetadata, storeFiles, type StoreMetadata } from './files.ts';
import { inspectIndex, type IndexFacts } from './inspect-index.ts';

export interface StoreVerification {
  readonly valid: boolean;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** `vectorstore_backup_manifest_<id>.json` lies beside the files. */
  readonly manifest_found: boolean;
  readonly files_found: readonly string[];
  readonly model_compatible: boolean;
}

export interface VerifyStoreOptions {
  readonly component: string;
  /** Model that the application embeds queries with. */
  readonly embeddingModel: string | undefined;
  readonly memoryLimitBytes: number;
  readonly signal?: AbortSignal;
}

const manifestName = /^vectorstore_backup_manifest_.+\.json$/;

/**
 * Never throws for what it finds: every problem stands in `errors`. Another model is an error, not a warning.
 * Throws what keeps it from looking: PermissionDenied, Precondition (no FAISS), EngineFailed (memory limit), Aborted.
 */
export async function verifyStore(folder: string, options: VerifyStoreOptions): Promise<StoreVerification> {
  const names = await readdir(folder).catch(absentOnly);
  const found = storeFiles.filter((name) => names.includes(name));
  const errors = storeFiles.filter((name) => !names.includes(name)).map((name) => `${name} is missing`);
  const warnings: string[] = [];
  const index = found.includes(indexFile)
    ? await attempt(
        async () => inspectIndex({ path: join(folder, indexFile), k: searchK, queries: 1 }, options),
        errors,
      )
    : undefined;
  const metadata = found.includes(metadataFile)
    ? await attempt(async () => readStoreMetadata(folder, options.component), errors)
    : undefined;
  if (index !== undefined && metadata !== undefined) compareCounts(index, metadata, errors, warnings);
  const compatible = isCompatible(metadata, options, errors, warnings);
  const manifestFound = names.some((name) => manifestName.test(name));
  if (!manifestFound) warnings.push('no vectorstore_backup_manifest_<id>.json beside the files');
  return {
    valid: errors.length === 0,
    errors,
    warnings,
    manifest_found: manifestFound,
    files_found: found,
    model_compatible: compatible,
  };
}

async function readStoreMetadata(folder: string, component: string): Promise<StoreMetadata> {
  const path = join(folder, metadataFile);
  await refuseUnreadable(path, component);
  return readMetadata(path, component);
}

async function attempt<Result>(act: () => Promise<Result>, errors: string[]): Promise<Result | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!isLifeboatError(error, 'SourceCorrupt')) throw error;
    errors.push(error.message);
    return undefined;
  }
}

function absentOnly(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

function compareCounts(index: IndexFacts, metadata: StoreMetadata, errors: string[], warnings: string[]): void {
  if (index.total === 0) errors.push(`${indexFile} holds no vector`);
  if (metadata.documentCount === undefined) warnings.push(`${metadataFile} has no document_count`);
  else if (metadata.documentCount !== index.total)
    errors.push(`${indexFile} holds ${index.total} vectors, ${metadataFile} says ${metadata.documentCount}`);
}

function isCompatible(
  metadata: StoreMetadata | undefined,
  options: VerifyStoreOptions,
  errors: string[],
  warnings: string[],
): boolean {
  if (metadata?.embeddingModel === undefined) {
    warnings.push(`${metadataFile} names no embedding_model`);
    return options.embeddingModel === undefined;
  }
  if (options.embeddingModel === undefined || options.embeddingModel === metadata.embeddingModel) return true;
  errors.push(`embedded by \`${metadata.embeddingModel}\`, the application uses \`${options.embeddingModel}\``);
  return false;
}
