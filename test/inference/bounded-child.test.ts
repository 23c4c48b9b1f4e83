import { expect, test, vi } from 'vitest';
import { childScript, withBoundedChild } from '../../src/inference/bounded-child.ts';

test('native code in a child gets none of our secrets from the environment', async () => {
  vi.stubEnv('LIFEBOAT_TEST_SECRET', 'canary-in-environment');
  const script = childScript('environment-child', import.meta.url);
  const options = { script, memoryLimitBytes: 256 * 2 ** 20, subject: 'a test' };
  const environment = await withBoundedChild(options, async (child) => child.request<Record<string, string>>({}));
  vi.unstubAllEnvs();
  expect(environment).toMatchObject({ PATH: process.env['PATH'], OMP_NUM_THREADS: '1' });
  expect(JSON.stringify(environment)).not.toContain('canary');
});
