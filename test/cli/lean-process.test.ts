import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';

const script = `
  const { becomeLean } = await import(${JSON.stringify(new URL('../../src/cli/lean-process.ts', import.meta.url).href)});
  console.log(String(process.pid));
  becomeLean();
  console.log(JSON.stringify({ pid: process.pid, arenas: process.env.MALLOC_ARENA_MAX, flags: process.execArgv.filter((flag) => flag.startsWith('--max')) }));
`;
const args = ['--no-warnings', '--input-type=module', '--eval', script];

describe.runIf(process.platform === 'linux')('a lean process', () => {
  test('begins anew once, with the same id', () => {
    const env = { ...process.env };
    delete env.MALLOC_ARENA_MAX;
    const [first, second, told] = execFileSync(process.execPath, args, { env }).toString().trim().split('\n');
    const lean = JSON.parse(told ?? '') as { pid: number; arenas: string; flags: string[] };
    expect(lean).toEqual({ pid: Number(first), arenas: '2', flags: ['--max-semi-space-size=2'] });
    expect(second).toBe(first);
  });

  test('leaves alone what somebody chose', () => {
    const { stdout } = spawnSync(process.execPath, args, { env: { ...process.env, MALLOC_ARENA_MAX: '8' } });
    const [, told] = stdout.toString().trim().split('\n');
    expect(JSON.parse(told ?? '')).toMatchObject({ arenas: '8', flags: [] });
  });
});
