/** Reads what lies in the folder of a component into a writer. */
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import type { ComponentWriter } from '../../repository/repository.ts';
import type { Meanwhile } from './meanwhile.ts';
import type { FolderEntry } from './walk-folder.ts';

export interface EntriesOptions {
  readonly component: string;
  /** The files for whose sake the folder is captured, by their path in it. */
  readonly isData: (path: string) => boolean;
  readonly meanwhile: Meanwhile;
}

/**
 * Paths of files that were not read, because nothing changed since the previous recovery point. SourceChanged where a file
 * of the data changed or went; any other is kept as it was read, or left out.
 */
export async function captureEntries(
  writer: ComponentWriter,
  entries: readonly FolderEntry[],
  { component, isData, meanwhile }: EntriesOptions,
): Promise<Set<string>> {
  const reused = new Set<string>();
  await Promise.all(
    entries.map(async (entry) => {
      if (entry.kind === 'other') return writer.add(entry.meta);
      const { meta, absolutePath } = entry;
      const result = await writer.fromDisk(meta, absolutePath).catch((error: unknown) => {
        if (isData(meta.path) || !isLifeboatError(error, 'SourceChanged')) throw error;
        return undefined;
      });
      if (result === undefined) meanwhile.vanished(absolutePath);
      else if (result.changedDuringRead) {
        if (isData(meta.path))
          throw new LifeboatError('SourceChanged', `\`${absolutePath}\` changed while it was read`, { component });
        meanwhile.changed(absolutePath);
      } else if (result.reused) reused.add(meta.path);
    }),
  );
  return reused;
}
