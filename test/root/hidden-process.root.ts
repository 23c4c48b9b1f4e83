/** Processes that /proc hides from other users (`hidepid`; ProtectProc= of systemd), or whose start it tells otherwise. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { ownIdentity } from '../../src/programs/process-identity.ts';

const run = promisify(execFile);
const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
const hiding = 'mount --make-rprivate / && mount -t proc -o hidepid=2 proc /proc && exec "$@"';
const mayUnshare = await run('unshare', ['-m', 'sh', '-c', hiding, 'sh', 'true']).then(
  () => true,
  () => false,
);

test.skipIf(!mayUnshare)('one that cannot be seen is not dead, and may be a server or a service', async () => {
  const { uid, gid } = await findOsUser(process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat');
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-hidden-'));
  try {
    await writeFile(join(folder, 'postmaster.pid'), `${process.pid}\n`);
    await writeFile(join(folder, 'app.pid'), `${process.pid}\n${ownIdentity().bootId}:1\n`);
    await run('chmod', ['-R', 'go+rX', folder]);
    const script = `
      const { isProvenDead } = await import(${source('programs/process-identity.ts')});
      const { readPidFile } = await import(${source('platform/process/pid-file.ts')});
      const { runningPostmaster } = await import(${source('drivers/postgres/server/postmaster.ts')});
      const holder = ${JSON.stringify(ownIdentity())};
      const pid = await runningPostmaster(${JSON.stringify(folder)});
      const head = await readPidFile(${JSON.stringify(join(folder, 'app.pid'))}, 'app', AbortSignal.timeout(60_000)).catch((error) => error);
      console.log(isProvenDead(holder), pid === holder.pid, head.code);`;
    const look = [process.execPath, '--input-type=module', '-e', script];
    const asUser = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...look];
    const told = async (args: readonly string[]): Promise<string> => (await run('unshare', args)).stdout.trim();
    expect(await told(['-m', 'sh', '-c', hiding, 'sh', ...asUser])).toBe('false true Precondition');
    // Start times are told by the reader's own boot.
    expect(await told(['-T', '--boottime', '100000', ...look])).toBe('false false undefined');
  } finally {
    await rm(folder, { recursive: true });
  }
});
