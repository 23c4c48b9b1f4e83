/**
 * Programs that only run what is named behind them, with options of their own in between. Everything else may do anything
 * with the words behind it: they may name a container or a unit, or belong to a script. Pure.
 */

/** Words of one program before the command that it runs. */
interface Wrapper {
  /** Letters of options without a value. */
  readonly flags?: string;
  /** Letters of options with one, in the same word or the next. */
  readonly values?: string;
  /** Names of long options, which have one of the two. */
  readonly longFlags?: readonly string[];
  readonly longValues?: readonly string[];
  /** Words that are no options, before the command. */
  readonly operands?: number;
  /** Variables (`NAME=value`) may be set before the command. */
  readonly assigns?: true;
}

const wrappers: Readonly<Record<string, Wrapper>> = {
  catatonit: {},
  chpst: { flags: 'vP012', values: 'uUb/eCnlLmdopfcrt' },
  chrt: { flags: 'abdfioRrv', values: 'TPD', operands: 1 },
  doas: { flags: 'n', values: 'uCa' },
  'dumb-init': { flags: 'cv', values: 'r', longFlags: ['single-child', 'verbose'], longValues: ['rewrite'] },
  env: { flags: 'iv', values: 'uC', longFlags: ['ignore-environment'], longValues: ['unset', 'chdir'], assigns: true },
  gosu: { operands: 1 },
  ionice: { flags: 't', values: 'cn', longFlags: ['ignore'], longValues: ['class', 'classdata'] },
  nice: { flags: '0123456789', values: 'n', longValues: ['adjustment'] },
  nohup: {},
  numactl: {
    flags: 'l',
    values: 'NCmip',
    longFlags: ['localalloc', 'all'],
    longValues: ['cpunodebind', 'physcpubind', 'membind', 'interleave', 'preferred'],
  },
  runuser: { values: 'ugG', longValues: ['user', 'group', 'supp-group'] },
  setpriv: {
    longFlags: ['clear-groups', 'keep-groups', 'init-groups', 'no-new-privs', 'nnp', 'reset-env'],
    longValues: [
      'reuid',
      'regid',
      'ruid',
      'euid',
      'rgid',
      'egid',
      'groups',
      'inh-caps',
      'ambient-caps',
      'bounding-set',
    ].concat(['securebits', 'pdeathsig', 'selinux-label', 'apparmor-profile']),
  },
  setsid: { flags: 'cfw', longFlags: ['ctty', 'fork', 'wait'] },
  stdbuf: { values: 'ioe', longValues: ['input', 'output', 'error'] },
  'su-exec': { operands: 1 },
  sudo: {
    flags: 'ABbEHknPS',
    values: 'ughpCrtTDR',
    longFlags: ['preserve-env', 'set-home', 'non-interactive', 'preserve-groups', 'background'],
    longValues: ['user', 'group', 'host', 'chdir', 'chroot', 'prompt', 'command-timeout'],
    assigns: true,
  },
  taskset: { flags: 'ac', longFlags: ['all-tasks', 'cpu-list'], operands: 1 },
  tini: { flags: 'sgvw', values: 'pe' },
};

/** The words from the first one on that is no wrapper's; undefined where a word between is none of its wrapper's own. */
export function unwrapped(command: readonly string[]): readonly string[] | undefined {
  let words: readonly string[] | undefined = command;
  for (;;) {
    const wrapper: Wrapper | undefined = wrapperOf(words[0] ?? '');
    if (wrapper === undefined) return words;
    words = afterOptions(words.slice(1), wrapper);
    if (words === undefined) return undefined;
    words = words.slice(wrapper.operands ?? 0);
  }
}

function wrapperOf(program: string): Wrapper | undefined {
  const name = program.slice(program.lastIndexOf('/') + 1);
  return Object.hasOwn(wrappers, name) ? wrappers[name] : undefined;
}

function afterOptions(words: readonly string[], wrapper: Wrapper): readonly string[] | undefined {
  let at = 0;
  for (; words[at]?.startsWith('-') === true; at++) {
    const word = words[at] ?? '';
    if (word === '--') {
      at += 1;
      break;
    }
    const used = word.startsWith('--') ? longOption(word.slice(2), wrapper) : letters(word.slice(1), wrapper);
    if (used === undefined) return undefined;
    at += used;
  }
  while (wrapper.assigns === true && /^\w+=/.test(words[at] ?? '')) at += 1;
  return words.slice(at);
}

/** How many words behind it are its value; undefined for what the program does not have. */
function longOption(option: string, { longFlags = [], longValues = [] }: Wrapper): 0 | 1 | undefined {
  const [name = '', value] = option.split('=', 2);
  if (longFlags.includes(name)) return 0;
  if (!longValues.includes(name)) return undefined;
  return value === undefined ? 1 : 0;
}

function letters(option: string, { flags = '', values = '' }: Wrapper): 0 | 1 | undefined {
  for (let at = 0; at < option.length; at++) {
    const letter = option.charAt(at);
    if (values.includes(letter)) return at === option.length - 1 ? 1 : 0;
    if (!flags.includes(letter)) return undefined;
  }
  return option === '' ? undefined : 0;
}
