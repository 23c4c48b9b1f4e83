/** How a restore ends for scripts: one exit code where two things are to be told. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { restored } from '../../src/cli/commands/restore-start.ts';
import type { RestoreResult } from '../../workflows/messages.ts';

const before = process.exitCode;
const said: string[] = [];
beforeEach(() => {
  said.length = 0;
  process.exitCode = undefined;
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = before;
});

const result = { state: 'committed', id: '20261122_020000', seconds: 60, probes: [], safetyCopies: [] } as const;

test.each([
  { unproven: [], rtoBreached: false, code: undefined, told: [] },
  { unproven: ['files'], rtoBreached: false, code: 3, told: ['UNPROVEN: files'] },
  { unproven: [], rtoBreached: true, code: 8, told: ['the RTO was breached'] },
  { unproven: ['files'], rtoBreached: true, code: 3, told: ['UNPROVEN: files', 'the RTO was breached'] },
])('unproven $unproven, late $rtoBreached: exit code $code', ({ unproven, rtoBreached, code, told }) => {
  const ended = { ...result, unproven, rtoBreached, plan: {}, steps: [], backupWorkflowId: '' };
  restored({ config: undefined, output: 'json' } as never, ended as unknown as RestoreResult);
  expect(process.exitCode).toBe(code);
  expect(said.join('').trim().split('\n').filter(Boolean)).toEqual(
    told.map((text) => expect.stringContaining(text) as string),
  );
});
