import { createServer } from 'node:net';
import { expect, test, vi } from 'vitest';
import { freePorts } from '../../src/dev/free-ports.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a port is free, is given once in a run, and lies where the system gives none', async () => {
  const folder = await temporaryFolder('ports');
  vi.stubEnv('LIFEBOAT_RUN', `${folder.path}:/elsewhere`);
  const [first, second] = await Promise.all([freePorts(200), freePorts(200)]);
  const ports = [...first, ...second];
  expect(new Set(ports).size).toBe(400);
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(15_000);
  expect(Math.max(...ports)).toBeLessThan(30_000);
  const server = createServer().listen(ports[0], '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  server.close();
  await folder.remove();
});
