import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { fillCacheEntry } from '../../setup/cache-entry.mjs';
import { download } from '../../setup/download.mjs';
import { lockCache } from '../../setup/lock.mjs';
import { provide } from '../../setup/step.mjs';
import { freePort } from '../../src/dev/free-ports.ts';
import { folderTest as test } from '../support/folder-test.ts';

test('set-up takes what is there, else the first source that works, and installs nothing twice', async () => {
  const tried: string[] = [];
  let installed: string | undefined;
  const source = (name: string, works: boolean) => ({
    name,
    get: async () => {
      tried.push(name);
      if (!works) throw new Error('ENOTFOUND');
      installed = name;
      return 1;
    },
  });
  const sources = [source('maker', false), undefined, source('registry', true), source('never', true)];
  const step = { title: 'an engine', find: async () => installed, sources, command: 'get it' };
  expect(await provide(step)).toBe('registry');
  expect(await provide(step)).toBe('registry');
  expect(tried).toEqual(['maker', 'registry']);
});

test('a step that fails names what is missing, why each source failed, and the command', async () => {
  const sources = [
    { name: 'maker', get: () => Promise.reject(new Error('ENOTFOUND')) },
    { name: 'registry', get: async () => 1 },
  ];
  const failing = provide({
    title: 'an engine',
    find: async () => undefined,
    sources,
    command: 'apt-get install engine',
  });
  await expect(failing).rejects.toMatchObject({
    message: expect.stringMatching(/an engine is missing[^]*maker: ENOTFOUND[^]*registry: it came, but does not work/),
    command: 'apt-get install engine',
  });
});

test('an entry of the cache appears whole or not at all, and the next try begins anew', async ({ folder }) => {
  const target = join(folder, 'engine-1.0');
  const broken = fillCacheEntry(target, async (temporary: string) => {
    await writeFile(join(temporary, 'half'), 'x');
    throw new Error('the line went down');
  });
  await expect(broken).rejects.toThrow('the line went down');
  expect(existsSync(target)).toBe(false);
  await fillCacheEntry(target, (temporary: string) => writeFile(join(temporary, 'whole'), 'x'));
  expect(await readdir(target)).toEqual(['whole']);
  expect(await readdir(folder)).toEqual(['engine-1.0']);
});

test('a download with another digest, without answer or with an error page is refused', async ({ folder }) => {
  const url = await serve((request, response) => {
    if (request.url === '/silent') return;
    response.statusCode = request.url === '/missing' ? 404 : 200;
    response.end('bytes');
  });
  const target = join(folder, 'file');
  const sha256 = '277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9';
  await download(`${url}/file`, target, { sha256 });
  expect(await readFile(target, 'utf8')).toBe('bytes');
  await expect(download(`${url}/file`, target, { sha256: 'f'.repeat(64) })).rejects.toThrow(/SHA-256 is 277089d9/);
  await expect(download(`${url}/missing`, target)).rejects.toThrow('HTTP 404');
  await expect(download(`${url}/silent`, target)).rejects.toThrow('no answer within 5 s');
  await expect(download(`http://127.0.0.1:${await freePort()}/`, target)).rejects.toThrow('ECONNREFUSED');
});

test('a second set-up waits for the first, and takes over from one that was killed', async ({ folder }) => {
  const unlock = await lockCache(folder);
  let isSecondIn = false;
  const second = lockCache(folder).then((release: () => void) => {
    isSecondIn = true;
    return release;
  });
  expect(isSecondIn).toBe(false);
  unlock();
  (await second)();
  const left = join(folder, 'setup.lock');
  await writeFile(left, '1');
  await utimes(left, new Date(0), new Date(0));
  (await lockCache(folder))();
  await mkdir(join(folder, 'still-usable'));
  expect(await readdir(folder)).toEqual(['still-usable']);
});

async function serve(answer: RequestListener): Promise<string> {
  const server: Server = createServer(answer).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
