/**
 * What the server says beside a base backup. Notices are told apart by their SQLSTATE and by the place in the server's
 * source, never by their text, which follows the server's language. A warning that is not known here may mean that
 * something is missing from the copy: it fails the capture, in the server's own words.
 */
import type pg from 'pg';
import { LifeboatError } from '../../../domain/errors.ts';

/** What `pg` gives of a server's notice. */
export interface Notice {
  readonly message?: string | undefined;
  /** SQLSTATE. */
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly file?: string | undefined;
  readonly routine?: string | undefined;
}

/** Everything below a warning has this state. */
const noWarning = '00000';
const source = 'basebackup.c';
/** The only warning there: something that is neither file nor folder is not sent. */
const skippingRoutine = 'sendDir';
/** Wrong or unread checksums; where any is wrong, the server also ends in an error. */
const checksumRoutines = ['sendFile', 'read_file_data_into_buffer', 'verify_page_checksum', 'perform_base_backup'];

export interface ServerWarnings {
  /** Paths of what the server did not send: below the data directory as `base/5`, of a tablespace absolute. */
  readonly skipped: readonly string[];
  /** `base/5/16384 block 3` for each page that it names. */
  readonly corrupt: readonly string[];
}

/** Collects from now on; `end` gives what came. EngineFailed for a warning that nobody here knows. */
export function collectNotices(client: pg.Client, component: string) {
  const notices: Notice[] = [];
  const onNotice = (notice: Notice): void => void notices.push(notice);
  client.on('notice', onNotice);
  return {
    /** So far, without judging. */
    corrupt: (): string[] => corruptPages(notices),
    end(): ServerWarnings {
      client.off('notice', onNotice);
      const warnings = notices.filter(({ code }) => code !== noWarning);
      const unknown = warnings.find((notice) => !isSkipping(notice) && !isOfChecksums(notice));
      if (unknown !== undefined) throw unknownWarning(unknown, component);
      return {
        // It warns once while it adds up sizes, and once while it sends.
        skipped: [...new Set(warnings.filter(isSkipping).map((notice) => pathOf(notice.message ?? '')))],
        corrupt: corruptPages(warnings),
      };
    },
  };
}

function isSkipping({ file, routine }: Notice): boolean {
  return isOfSource(file) && routine === skippingRoutine;
}

function isOfChecksums({ file, routine }: Notice): boolean {
  return isOfSource(file) && checksumRoutines.includes(routine ?? '');
}

function isOfSource(file: string | undefined): boolean {
  return file?.split('/').at(-1) === source;
}

/** The quoted path, in whatever language the rest is; all of it where no quotes are found. */
function pathOf(message: string): string {
  const quoted = /["'«»„“”]\s?(\.?\/.+?)\s?["'«»„“”][^"'«»„“”]*$/su.exec(message)?.[1] ?? message;
  return quoted.replace(/^\.\//, '');
}

/** File and block of each. Of a file with several the last line is their number, which looks like another block. */
function corruptPages(notices: readonly Notice[]): string[] {
  const blocks = new Map<string, string[]>();
  for (const { message = '' } of notices.filter(isOfChecksums)) {
    const [, file, block] = /["'«»„“”]\s?(?:\.\/)?([^"'«»„“”]+?)\s?["'«»„“”]\D*(\d+)/u.exec(message) ?? [];
    if (file !== undefined && block !== undefined) blocks.set(file, [...(blocks.get(file) ?? []), block]);
  }
  return [...blocks].flatMap(([file, all]) =>
    (all.length === 1 ? all : all.slice(0, -1)).map((block) => `${file} block ${block}`),
  );
}

function unknownWarning({ message, detail, file, routine }: Notice, component: string): LifeboatError {
  const where = `${file ?? '?'}, ${routine ?? '?'}`;
  return new LifeboatError(
    'EngineFailed',
    `the server warned of its own base backup: ${message ?? ''}${detail === undefined ? '' : ` (${detail})`} [${where}]`,
    { component, hint: 'repair what the server warns of; without that nobody knows whether the copy is whole' },
  );
}
