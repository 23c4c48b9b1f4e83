/** The platform of this host, once with programs that Lifeboat starts itself, once with those that a supervisor keeps. */
import { join } from 'node:path';
import { describe } from 'vitest';
import type { ServiceConfig } from '../../src/domain/appliance.ts';
import { createProcessPlatform } from '../../src/platform/process/process-platform.ts';
import { platformContract, type WantedService } from '../contracts/platform.ts';
import { nodeService } from './services.ts';

const kinds: Record<string, (folder: string, wanted: WantedService) => ServiceConfig> = {
  'programs that Lifeboat starts': (folder, { name, script, ...changes }) => {
    const service = nodeService(folder, script, { name, ...changes });
    const pidFile = join(folder, 'run', `${name}.pid`);
    return { ...service, run: { ...service.run, pidFile } };
  },
  'services that a supervisor keeps': supervised,
};

/** A supervisor in four lines of shell: a second start changes nothing, as with every supervisor. */
function supervised(folder: string, { name, script, ready, startTimeoutSeconds }: WantedService): ServiceConfig {
  const pid = join(folder, `${name}.pid`);
  const shell = (text: string): readonly string[] => ['sh', '-c', text, name, folder, pid, process.execPath, script];
  const run = {
    kind: 'commands',
    start: shell(
      `cd "$1" && exec 9>"$2.lock" && flock 9 && { kill -0 "$(cat "$2" 2>/dev/null)" 2>/dev/null || { "$3" -e "$4" >/dev/null 2>&1 9>&- & echo $! >"$2"; }; }`,
    ),
    stop: shell(`kill "$(cat "$2")"`),
    // What nobody has collected yet does not run any more.
    isRunning: shell(`grep -qsE '^State:[[:space:]]+[^ZX]' "/proc/$(cat "$2")/status"`),
  } as const;
  const inFolder =
    ready.kind === 'command'
      ? { ...ready, command: ['sh', '-c', 'cd "$0" && exec "$@"', folder, ...ready.command] }
      : ready;
  return { name, dependsOn: [], run, ready: inFolder, startTimeoutSeconds, stopTimeoutSeconds: 5 };
}

describe.each(Object.entries(kinds))('%s', (_kind, serviceOf) => {
  platformContract((folder, services) => createProcessPlatform(services.map((each) => serviceOf(folder, each))));
});
