/** What a person must be told of the `restore.sh` and `RESTORE.md` of a repository: people run the one with the key. */
import { layout } from '../../repository/layout.ts';
import type { RescueScript } from '../../repository/rescue/scripts.ts';
import type { Finding } from '../../domain/finding.ts';

export interface Told {
  readonly problems: readonly string[];
  /** Worth a look. */
  readonly notes: readonly string[];
}

export function toldOfScripts(scripts: readonly RescueScript[]): Told {
  const of = (...states: RescueScript['state'][]): string[] =>
    scripts.filter(({ state }) => states.includes(state)).map((script) => `${textOf(script)}; ${hintOf(script)}`);
  return { problems: of('foreign', 'unreadable'), notes: of('earlier', 'newer', 'absent') };
}

/** One line for each that is not as it should be, else one for both. */
export function scriptFindings(scripts: readonly RescueScript[]): Finding[] {
  const wrong = scripts.filter(({ state }) => state !== 'own');
  if (wrong.length > 0)
    return wrong.map((script) => ({
      name: script.key,
      level: levels[script.state],
      text: textOf(script),
      hint: hintOf(script),
    }));
  const script = scripts.find(({ key }) => key === layout.restoreScript);
  return [
    { name: layout.restoreScript, level: 'ok', text: `as written by Lifeboat, SHA-256 ${script?.ownSha256 ?? ''}` },
  ];
}

const levels: Readonly<Record<RescueScript['state'], Finding['level']>> = {
  own: 'ok',
  earlier: 'warn',
  newer: 'warn',
  absent: 'warn',
  unreadable: 'fail',
  foreign: 'warn',
};

function textOf({ key, state, version, ownVersion, ownSha256, problem }: RescueScript): string {
  switch (state) {
    case 'own':
      return `${key} is as this Lifeboat writes it`;
    case 'earlier':
      return `${key} is of version ${version}, as an earlier Lifeboat wrote it; this one writes version ${ownVersion}: an earlier Lifeboat was the last to write here, or somebody put the old one back, whose faults are known`;
    case 'newer':
      return `${key} calls itself version ${version}, newer than version ${ownVersion} of this Lifeboat, which cannot tell who wrote it`;
    case 'foreign':
      return `${key} is not what any Lifeboat wrote (version ${ownVersion} has the SHA-256 ${ownSha256}): somebody exchanged or changed it`;
    case 'unreadable':
      return `${key} cannot be read: ${problem}`;
    case 'absent':
      return `${key} is gone`;
  }
}

function hintOf({ key, state }: RescueScript): string {
  switch (state) {
    case 'own':
    case 'absent':
      return 'the next backup or copy writes it';
    case 'earlier':
      return 'do not run it with the key: the next backup or copy writes ours; where one was made since the upgrade, somebody put it back: look who can write there';
    case 'newer':
      return `compare it with \`lifeboat doctor\` of the newer Lifeboat; where none works here, do not run it with the key and remove ${key}: the next backup or copy writes it anew`;
    case 'foreign':
      return 'do not run it with the key: the next backup or copy puts ours in its place and keeps its bytes below `damaged/`; look who can write there';
    case 'unreadable':
      return `give it back to whom the repository belongs, or remove ${key}: the next backup or copy writes it anew`;
  }
}
