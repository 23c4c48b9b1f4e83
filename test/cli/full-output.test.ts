/** Standard output or error on a disk that is full: nothing stops in the middle, and the exit code tells. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { folderTest as test } from '../support/folder-test.ts';

const main = fileURLToPath(new URL('../../src/cli/main.mjs', import.meta.url));
const logger = new URL('../../src/telemetry/logger.ts', import.meta.url).href;

function shell(line: string, folder: string) {
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', line, process.execPath, main], { cwd: folder });
  return { code: status, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe.runIf(process.platform === 'linux')('a full disk behind >', () => {
  test('standard output: one line on the other, exit 1', async ({ folder }) => {
    expect(shell('"$0" "$1" --help >/dev/full', folder)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: standard output took no more: ENOSPC; the command went on\n',
    });
  });

  test('standard error: `init` writes all and shows the recovery kit', async ({ folder }) => {
    const { code, stdout } = shell('"$0" "$1" init --repository repository --key-file key 2>/dev/full', folder);
    expect(code).toBe(1);
    expect(stdout).toContain('error: standard error took no more: ENOSPC');
    expect(stdout).toContain(readFileSync(join(folder, 'key'), 'utf8').trim().split('-')[0]);
    expect(readFileSync(join(folder, 'lifeboat.yaml'), 'utf8')).toContain('appliance:');
  });

  test('a log that cannot be written ends no worker, and an empty level is none', async ({ folder }) => {
    const script = `const { createLogger } = await import('${logger}'); createLogger().info('x'); console.log('lives');`;
    const line = `LIFEBOAT_LOG_LEVEL= "$0" --no-warnings --input-type=module --eval "${script}" 2>/dev/full`;
    expect(shell(line, folder)).toEqual({ code: 0, stdout: 'lives\n', stderr: '' });
  });
});
