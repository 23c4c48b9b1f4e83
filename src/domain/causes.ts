/**
 * Causes that look like something else, each with the text and the hint that name it. docs/errors.md shows them; whoever
 * throws takes the hint from here. Words in capitals stand for values.
 */
export interface Cause {
  readonly cause: string;
  readonly text: string;
  readonly hint: string;
}

export const causes = {
  noDatabaseThen: {
    cause: 'a restore to a moment before the database was made, or after it was dropped',
    text: 'at that moment the server held no database `NAME`',
    hint: 'choose another moment: the database was made later, or dropped before',
  },
  keptOutOfDatabase: {
    cause: 'pg_hba.conf has no line for the role, neither in `postgres` nor in the configured database',
    text: 'cannot connect to `HOST:PORT` as `ROLE`: …',
    hint: '`lifeboat doctor` prints the pg_hba.conf line that is missing',
  },
  talkingShell: {
    cause: 'the login shell of an SSH account prints a line before SFTP begins',
    text: 'the login shell of USER@HOST:PORT prints text: "…"',
    hint: 'SFTP must begin with its first byte. Let .bashrc, .profile and the like print at a terminal only, or give the account `ForceCommand internal-sftp` in sshd_config, which starts no shell',
  },
  noSftp: {
    cause: 'an SSH server or account without SFTP',
    text: 'USER@HOST:PORT starts no SFTP: …',
    hint: 'sshd_config of the server needs `Subsystem sftp internal-sftp`, and the account a login shell that runs, or `ForceCommand internal-sftp`',
  },
  foreignFolder: {
    cause: 'the folder on an SSH server belongs to another user',
    text: 'cannot … in ssh://USER@HOST:PORT/PATH: Permission denied',
    hint: 'on the server the folder must belong to the user that logs in: see `ls -ld` of `path` there',
  },
  inTheWay: {
    cause: 'something else lies where Lifeboat keeps a file or a folder of a repository',
    text: 'cannot … in PLACE: EEXIST (EISDIR, ENOTDIR, …; of an SSH server only: Failure)',
    hint: 'look with `ls -ld` at each part of the path for what is no file or folder of Lifeboat, and move it away',
  },
  noRights: {
    cause: 'credentials of a bucket that lack a right',
    text: 'cannot … in s3://BUCKET: AccessDenied (403): …',
    hint: 'the credentials need, for the bucket and its objects: s3:ListBucket, s3:ListBucketMultipartUploads, s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload',
  },
  foldedPrefix: {
    cause: 'a `prefix` with `//`, `.` or `..`, which a server that keeps objects in files folds',
    text: 'locations.NAME.prefix: must be a folder in the bucket, for example `backups/shop`: letters, digits, `.`, `_` and `-`, one slash between parts and none before them, no part `.` or `..`',
    hint: 'correct the named line and run `lifeboat doctor`',
  },
  noEncryption: {
    cause: '`repository.encryption` is missing in lifeboat.yaml',
    text: 'repository.encryption: is required: what opens the repository. These two lines of `repository` name a key\n    encryption:\n      key: { file: /etc/lifeboat/key }',
    hint: 'correct the named line and run `lifeboat doctor`',
  },
  renamedCommand: {
    cause: 'a Redis whose configuration renames or removes a command that a backup needs',
    text: 'COMMAND is not known to the server: no backup can be made',
    hint: 'take `rename-command COMMAND` out of the configuration of the server and start it again; an ACL can keep the application from the command instead',
  },
  forbiddenCommand: {
    cause: 'a Redis user whose ACL lacks a command that a backup needs',
    text: 'COMMAND is forbidden to the user: no backup can be made',
    hint: 'run: ACL SETUSER USER +COMMAND',
  },
  failedRestoreTest: {
    cause: 'a restore test (`prove`) whose probes do not hold',
    text: 'recovery point ID failed its restore test: COMPONENT: PROBE: expected …, found …',
    hint: 'make a new one (`lifeboat backups run`); `lifeboat backups list` shows which can be relied on',
  },
  timedOut: {
    cause: 'the worker of a run died, or hangs, and no other one took over',
    text: 'RUN failed: no worker ended STEP in time',
    hint: 'see the log of the worker, and that one runs (`lifeboat now`); then start the run again',
  },
  refusedByTemporal: {
    cause: 'an API key or certificate that Temporal does not take',
    text: 'Temporal at ADDRESS refused us: …',
    hint: 'check `temporal.apiKey` and `temporal.tls` in lifeboat.yaml, and the rights to the namespace',
  },
  spoiledJournal: {
    cause: 'the journal of a swap was spoiled by a disk or by hand',
    text: 'the swap journal `PATH` is damaged: …',
    hint: 'names with `lifeboat-aside` beside the live data are what was live before: bring live and old data to where they belong, then move the journal away',
  },
  noTemporalProgram: {
    cause: '`--standalone` or `service install` on a host without the program `temporal`',
    text: 'the program `temporal` is not on the PATH',
    hint: 'put it to /usr/local/bin (https://docs.temporal.io/cli), or name it in LIFEBOAT_TEMPORAL',
  },
} as const satisfies Record<string, Cause>;

/** Puts values in the place of the words in capitals. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((all, [word, value]) => all.replaceAll(word, value), text);
}
