/**
 * The one catalogue of errors that a person may meet. Each code has a heading in docs/errors.md.
 *
 * `retryable` decides whether Temporal tries an activity again; `exit` is the command line's exit code
 * (docs/errors.md lists them); `hint` is the usual next act, used where the thrower knows nothing better.
 */
export interface ErrorKind {
  readonly retryable: boolean;
  readonly exit: number;
  readonly meaning: string;
  readonly hint: string;
}

export const errorCatalogue = {
  ConfigInvalid: {
    retryable: false,
    exit: 2,
    meaning: 'lifeboat.yaml does not say what it must',
    hint: 'correct the named line and run `lifeboat doctor`',
  },
  InputInvalid: {
    retryable: false,
    exit: 2,
    meaning: 'an argument or a workflow input is not usable',
    hint: 'see `lifeboat <command> --help`',
  },
  PlanInvalid: {
    retryable: false,
    exit: 2,
    meaning: 'the restore graph has a cycle, a dangling edge or an unusable step',
    hint: 'correct all listed problems; nothing was stopped',
  },
  NotFound: {
    retryable: false,
    exit: 4,
    meaning: 'the named recovery point, run or component does not exist',
    hint: 'list what exists with `lifeboat backups list`',
  },
  Ambiguous: {
    retryable: false,
    exit: 4,
    meaning: 'a timestamp prefix fits several recovery points',
    hint: 'give more digits',
  },
  LockHeld: {
    retryable: false,
    exit: 5,
    meaning: 'another run holds the appliance',
    hint: 'wait for the named run or abort it',
  },
  Precondition: {
    retryable: false,
    exit: 5,
    meaning: 'a condition that must hold before anything starts does not hold',
    hint: 'correct the named condition; nothing was changed',
  },
  Fenced: {
    retryable: false,
    exit: 5,
    meaning: 'a newer attempt or run took over this target',
    hint: 'nothing to do: the newer attempt goes on',
  },
  Unreachable: {
    retryable: true,
    exit: 9,
    meaning: 'the Temporal server does not answer',
    hint: 'start it, or check temporal.address in lifeboat.yaml',
  },
  EngineUnavailable: {
    retryable: true,
    exit: 1,
    meaning: 'an engine does not answer',
    hint: 'check that it runs; `lifeboat doctor` names what is missing',
  },
  AuthFailed: {
    retryable: false,
    exit: 1,
    meaning: 'an engine or location refused the credentials',
    hint: 'check the credentials that the component names',
  },
  PermissionDenied: {
    retryable: false,
    exit: 1,
    meaning: 'the operating system refused access',
    hint: 'run the worker as root or as the owner of the data',
  },
  NoSpace: {
    retryable: false,
    exit: 1,
    meaning: 'a disk is full or would become full',
    hint: 'free the named bytes on the named path; nothing was switched',
  },
  VersionMismatch: {
    retryable: false,
    exit: 5,
    meaning: 'the artefact was made by another major version',
    hint: 'install the named version or choose another recovery point',
  },
  SourceEmpty: {
    retryable: false,
    exit: 1,
    meaning: 'a configured component yielded nothing',
    hint: 'check the configured path or database; an empty backup is a failed backup',
  },
  SourceChanged: {
    retryable: true,
    exit: 1,
    meaning: 'files changed while they were read',
    hint: 'tried again by itself; give the component a quiet window',
  },
  SourceCorrupt: {
    retryable: false,
    exit: 1,
    meaning: 'the source itself is damaged',
    hint: 'restore the component from an earlier recovery point',
  },
  RepositoryMismatch: {
    retryable: false,
    exit: 5,
    meaning: 'another repository lies under the configured path',
    hint: 'check the mount; the repository id is in repository.json',
  },
  RepositoryMissing: {
    retryable: false,
    exit: 4,
    meaning: 'there is no repository at the location',
    hint: 'create it with `lifeboat init`, or mount the disk',
  },
  FormatTooNew: {
    retryable: false,
    exit: 5,
    meaning: 'the object was written by a newer Lifeboat',
    hint: 'upgrade Lifeboat to read it',
  },
  KeyWrong: {
    retryable: false,
    exit: 5,
    meaning: 'the key does not open this repository',
    hint: 'use the key of the recovery kit',
  },
  KeyMissing: {
    retryable: false,
    exit: 5,
    meaning: 'no key was given for an encrypted repository',
    hint: 'set repository.encryption in lifeboat.yaml, see the recovery kit',
  },
  ObjectMissing: {
    retryable: false,
    exit: 1,
    meaning: 'a stored object is gone',
    hint: 'run `lifeboat verify`, choose another recovery point or location',
  },
  ObjectCorrupt: {
    retryable: false,
    exit: 1,
    meaning: 'a stored object is not what was written',
    hint: 'run `lifeboat verify`, choose another recovery point or location',
  },
  ManifestInvalid: {
    retryable: false,
    exit: 1,
    meaning: 'a manifest is damaged, forged or names unsafe paths',
    hint: 'choose another recovery point; keep this one for inspection',
  },
  WalConflict: {
    retryable: false,
    exit: 1,
    meaning: 'the server wrote other WAL than the archive holds under the same name',
    hint: 'two servers wrote one timeline: give a clone a repository of its own; a restore, or a promotion, begins a new timeline, which is archived again; until then each backup of the database is a whole one',
  },
  WalGap: {
    retryable: false,
    exit: 1,
    meaning: 'the archive lacks WAL that a recovery needs',
    hint: 'restore to a time before the gap, or from a recovery point after it',
  },
  StorageFailed: {
    retryable: true,
    exit: 1,
    meaning: 'the storage refused or broke off',
    hint: 'tried again by itself; check the disk or the connection',
  },
  EngineFailed: {
    retryable: false,
    exit: 1,
    meaning: 'an engine answered with an error',
    hint: 'see the message of the engine',
  },
  ValidationFailed: {
    retryable: false,
    exit: 1,
    meaning: 'restored data did not pass its checks',
    hint: 'what was there before the restore is back; choose another recovery point',
  },
  SwapIncomplete: {
    retryable: false,
    exit: 1,
    meaning: 'a swap stopped half way and could not be finished or undone',
    hint: 'the journal named in the message says what stands where',
  },
  ServiceFailed: {
    retryable: true,
    exit: 1,
    meaning: 'a service did not stop or start',
    hint: 'see the service log that the message names',
  },
  NotifyFailed: {
    retryable: true,
    exit: 1,
    meaning: 'a notification could not be delivered',
    hint: 'tried again by itself; check `notify`, and try it with `lifeboat doctor --send-test`',
  },
  Aborted: {
    retryable: false,
    exit: 7,
    meaning: 'the run was aborted by a person',
    hint: 'see the report for what was undone',
  },
  Internal: {
    retryable: false,
    exit: 1,
    meaning: 'Lifeboat itself failed: this is a bug',
    hint: 'please report it with the text above',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCatalogue;

export interface ErrorFields {
  readonly component?: string;
  readonly hint?: string;
  readonly cause?: unknown;
  /** Facts for machines: paths, ids, counts. Never secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** The only error that Lifeboat throws on purpose. `message` says what failed, on what, with the value. */
export class LifeboatError extends Error {
  readonly code: ErrorCode;
  readonly component: string | undefined;
  readonly hint: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = code;
    this.code = code;
    this.component = fields.component;
    this.hint = fields.hint ?? errorCatalogue[code].hint;
    this.details = fields.details ?? {};
  }
}

/** Whether it is an error of the catalogue with one of the codes; with any code where none is given. */
export function isLifeboatError(error: unknown, ...codes: readonly ErrorCode[]): error is LifeboatError {
  return error instanceof LifeboatError && (codes.length === 0 || codes.includes(error.code));
}
