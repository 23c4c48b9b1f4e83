/** What every platform keeps, whatever runs the services. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { folderTest } from '../support/folder-test.ts';
import type { ReadinessCheck } from '../../src/domain/appliance.ts';
import { freePorts } from '../../src/dev/free-ports.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { waitFor } from '../support/wait-for.ts';

/** A service that runs a program of ours in Node, in the test's folder. */
export interface WantedService {
  readonly name: string;
  readonly script: string;
  readonly ready: ReadinessCheck;
  readonly startTimeoutSeconds: number;
}

interface PlatformFixture {
  /** All services are stopped before the folder goes, however the test ends. */
  readonly platformWith: (...services: WantedService[]) => Platform;
}

const never = new AbortController().signal;
const idle = 'setInterval(() => {}, 1000);';
const running = { kind: 'running' } as const;

export function platformContract(create: (folder: string, services: readonly WantedService[]) => Platform): void {
  const test = folderTest.extend<PlatformFixture>({
    platformWith: async ({ folder }, use) => {
      const made: { readonly platform: Platform; readonly names: readonly string[] }[] = [];
      await use((...services) => {
        const platform = create(folder, services);
        made.push({ platform, names: services.map(({ name }) => name) });
        return platform;
      });
      for (const { platform, names } of made) for (const name of names) await platform.stop(name, never);
    },
  });

  test('D3.11: starting twice, also at the same time, leaves one process; stopping twice is no error', async ({
    folder,
    platformWith,
  }) => {
    const script = `require('node:fs').appendFileSync('starts', 'x'); ${idle}`;
    const platform = platformWith({ name: 'app', script, ready: running, startTimeoutSeconds: 10 });
    await platform.stop('app', never);
    await Promise.all([platform.start('app', never), platform.start('app', never), platform.start('app', never)]);
    await platform.start('app', never);
    await waitFor(async () => expect(await readFile(join(folder, 'starts'), 'utf8')).toBe('x'));
    expect(await platform.state('app')).toMatchObject({ service: 'app', running: true, ready: true });
    await Promise.all([platform.stop('app', never), platform.stop('app', never)]);
    await platform.stop('app', never);
    expect(await platform.state('app')).toMatchObject({ service: 'app', running: false, ready: false });
  });

  test('O2.2, D6.4: a service is ready when what was asked of it says so, and a start waits until then', async ({
    folder,
    platformWith,
  }) => {
    const [http = 0, health = 0, tcp = 0] = await freePorts(3);
    const isUp = `require('node:fs').existsSync('up')`;
    const page = (port: number, answer: string): string =>
      `require('node:http').createServer((request, response) => { ${answer} }).listen(${port}, '127.0.0.1');`;
    const status = `${isUp} ? 'healthy' : 'unhealthy'`;
    const ways: readonly (readonly [name: string, ready: ReadinessCheck, script: string, detail: RegExp])[] = [
      [
        'http',
        { kind: 'http', url: `http://127.0.0.1:${http}/up` },
        page(http, `response.statusCode = ${isUp} ? 200 : 503; response.end('{}')`),
        /HTTP 503/,
      ],
      [
        'health',
        { kind: 'health', url: `http://127.0.0.1:${health}/health/detailed` },
        // HTTP 200 also while it is unhealthy.
        page(
          health,
          `response.end(JSON.stringify({ summary: { overall_status: ${status}, unhealthy_services: ${isUp} ? [] : ['redis'] } }))`,
        ),
        /unhealthy: redis/,
      ],
      [
        'tcp',
        { kind: 'tcp', host: '127.0.0.1', port: tcp },
        `const wait = setInterval(() => { if (!${isUp}) return; clearInterval(wait); require('node:net').createServer().listen(${tcp}, '127.0.0.1'); }, 20);`,
        /refuses connections/,
      ],
      [
        'command',
        // Found only in the folder of the service.
        { kind: 'command', command: ['test', '-e', 'up'] },
        idle,
        /exited with 1/,
      ],
    ];
    const platform = platformWith(
      ...ways.map(([name, ready, script]) => ({ name, ready, script, startTimeoutSeconds: 1 })),
    );
    await Promise.all(
      ways.map(async ([name, , , detail]) => {
        await expect(platform.start(name, never), name).rejects.toMatchObject({
          code: 'ServiceFailed',
          message: expect.stringMatching(detail) as string,
        });
        expect(await platform.state(name)).toMatchObject({ running: true, ready: false });
      }),
    );
    await writeFile(join(folder, 'up'), '');
    await Promise.all(
      ways.map(async ([name]) => {
        await platform.start(name, never);
        expect(await platform.state(name)).toMatchObject({ running: true, ready: true });
      }),
    );
  });

  test('a service that ends while it starts is a failed start', async ({ platformWith }) => {
    const platform = platformWith({ name: 'app', script: 'process.exit(3)', ready: running, startTimeoutSeconds: 1 });
    await expect(platform.start('app', never)).rejects.toMatchObject({ code: 'ServiceFailed' });
  });

  test('an abort ends the waiting at once and leaves the service to the next call', async ({
    folder,
    platformWith,
  }) => {
    const ready = { kind: 'command', command: ['test', '-e', 'up'] } as const;
    const platform = platformWith({ name: 'app', script: idle, ready, startTimeoutSeconds: 60 });
    const abort = new AbortController();
    const starting = platform.start('app', abort.signal);
    await waitFor(async () => expect((await platform.state('app')).running).toBe(true));
    abort.abort(new Error('cancelled by the test'));
    await expect(starting).rejects.toThrow('cancelled by the test');
    expect(await platform.state('app')).toMatchObject({ running: true, ready: false });
    await appendFile(join(folder, 'up'), '');
    await platform.start('app', never);
  });

  test('an unknown service is an error of every method, never one that does not run', async ({ platformWith }) => {
    const platform = platformWith({ name: 'nginx', script: idle, ready: running, startTimeoutSeconds: 1 });
    const unknown = { code: 'NotFound', hint: expect.stringContaining('nginx') as string };
    await expect(platform.start('ngnix', never)).rejects.toMatchObject(unknown);
    await expect(platform.stop('ngnix', never)).rejects.toMatchObject(unknown);
    await expect(platform.state('ngnix')).rejects.toMatchObject(unknown);
    await expect(platform.refuseUnsteerable(['nginx', 'ngnix'])).rejects.toMatchObject(unknown);
  });

  test('what can be steered is so for doctor and for a plan, whether it runs or not', async ({ platformWith }) => {
    const platform = platformWith({ name: 'app', script: idle, ready: running, startTimeoutSeconds: 10 });
    for (const isStarted of [false, true]) {
      if (isStarted) await platform.start('app', never);
      expect((await platform.check()).filter(({ level }) => level === 'fail')).toEqual([]);
      await platform.refuseUnsteerable(['app']);
    }
  });
}
