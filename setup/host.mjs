import { arch, platform } from 'node:os';
import { SetUpError } from './step.mjs';

/** Refuses at once what cannot work: nothing is installed on such a machine. */
export function checkHost() {
  const [major] = process.versions.node.split('.').map(Number);
  if (platform() === 'win32')
    throw new SetUpError('Windows is not supported', 'use Linux or WSL 2 with Debian or Ubuntu');
  if (platform() !== 'linux' && platform() !== 'darwin')
    throw new SetUpError(`${platform()} is not supported`, 'use Linux with glibc, or macOS');
  if (platform() === 'linux' && isMusl()) {
    throw new SetUpError(
      'Alpine and other systems with musl are not supported: Temporal and llama.cpp need glibc',
      'use Debian, Ubuntu or Fedora',
    );
  }
  if (arch() !== 'x64' && arch() !== 'arm64')
    throw new SetUpError(`the processor type ${arch()} is not supported`, 'use x64 or arm64');
  if (major < 20)
    throw new SetUpError(
      `Node ${process.versions.node} is too old`,
      'install Node 20 or newer from https://nodejs.org',
    );
  if (platform() === 'darwin' && process.getuid() === 0)
    throw new SetUpError('root is not supported on macOS', 'run it as an ordinary user');
}

function isMusl() {
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}
