/** Trees of what a file system can hold: what comes back is what was there, and whatever differs is a failed probe. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  link,
  lstat,
  lutimes,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FilesConfig } from '../../../src/domain/appliance.ts';
import { isFileTime } from '../../../src/domain/file-time.ts';
import { leftOutOf } from '../../../src/domain/left-out.ts';
import { isFailed } from '../../../src/domain/probes.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { createFilesDriver } from '../../../src/drivers/files/driver.ts';
import { stagedPath } from '../../../src/drivers/files/restore.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { broken, capture, contextOf, makeRepository, token } from '../../contracts/driver-fixture.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

type Entry = { readonly within: number; readonly name: Uint8Array } & (
  | {
      readonly kind: 'file';
      readonly size: number;
      readonly hole: number;
      readonly mode: number;
      readonly time: number;
    }
  | { readonly kind: 'folder'; readonly mode: number; readonly time: number }
  | { readonly kind: 'link'; readonly text: Uint8Array; readonly time: number }
  | { readonly kind: 'second name' | 'socket' | 'named pipe' }
);

/** Seconds since the epoch: as far back as 32 bits go, around zero, and further than they go. */
const time = fc.oneof(
  fc.constantFrom(-2_147_483_648, -1.000001, -1, -0.000001, 0, 0.999999, 4_294_967_297),
  fc.integer({ min: -2_000_000_000, max: 4_000_000_000 }).map((seconds) => seconds + 0.123457),
);
/** Names and texts of links are any bytes but two. */
const bytes = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((raw) => raw.map((byte) => (byte === 0 || byte === 0x2f ? 0xff : byte)))
  .filter((raw) => !['.', '..'].includes(Buffer.from(raw).toString('latin1')));
const name = fc.oneof(
  fc.stringMatching(/^[a-z]{1,6}$/).map((text) => Buffer.from(text)),
  bytes,
);
const place = { within: fc.nat(3), name };
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    ...place,
    kind: fc.constant('file' as const),
    size: fc.constantFrom(0, 1, 4096, 70_000),
    hole: fc.constantFrom(0, 0, 100, 900_000),
    mode: fc.constantFrom(0o600, 0o644, 0o444, 0o4711),
    time,
  }),
  fc.record({ ...place, kind: fc.constant('folder' as const), mode: fc.constantFrom(0o700, 0o750, 0o1777), time }),
  fc.record({ ...place, kind: fc.constant('link' as const), text: bytes, time }),
  fc.record({ ...place, kind: fc.constantFrom('second name' as const, 'socket' as const, 'named pipe' as const) }),
);
const trees = fc.uniqueArray(entry, {
  maxLength: 12,
  selector: ({ name: own }) => Buffer.from(own).toString('latin1'),
});

let folder: TemporaryFolder;
let repository: Repository;
const sockets: Server[] = [];
beforeEach(async () => {
  folder = await temporaryFolder('odd-trees');
  repository = await makeRepository(join(folder.path, 'repository'));
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await repository.close();
  execFileSync('chmod', ['-R', 'u+rwX', folder.path]);
  await folder.remove();
});

/** Below a fresh folder, with one plain file; folders get their times and modes last, the inner ones first. */
async function grow(tree: readonly Entry[], live: string): Promise<void> {
  await mkdir(live);
  await writeFile(join(live, 'a-plain-file'), 'plain');
  const folders = [Buffer.from(live)];
  const finishing: (() => Promise<void>)[] = [];
  for (const [index, each] of tree.entries()) {
    const path = Buffer.concat([folders[each.within % folders.length]!, Buffer.from('/'), each.name]);
    const finish = async (mode: number, seconds: number): Promise<void> => {
      await lutimes(path, String(seconds), String(seconds));
      await chmod(path, mode);
    };
    if (each.kind === 'folder') {
      await mkdir(path);
      folders.push(path);
      finishing.unshift(async () => finish(each.mode, each.time));
    } else if (each.kind === 'file') {
      await writeFile(path, Buffer.alloc(each.size, 'a'));
      await truncate(path, each.size + each.hole);
      await finish(each.mode, each.time);
    } else if (each.kind === 'link') {
      await symlink(Buffer.from(each.text), path);
      await lutimes(path, String(each.time), String(each.time));
    } else if (each.kind === 'second name') await link(join(live, 'a-plain-file'), path);
    else if (each.kind === 'named pipe') execFileSync('mkfifo', [join(live, `pipe ${index}`)]);
    else {
      const socket = createServer().listen(join(live, `socket ${index}`));
      sockets.push(socket);
      await once(socket, 'listening');
    }
  }
  for (const finish of finishing) await finish();
}

interface Seen {
  readonly what: string;
  readonly mtimeNs: bigint;
}

/** All entries by their bytes, read without any of the driver's own code. */
async function look(root: Buffer, below = ''): Promise<Map<string, Seen>> {
  const seen = new Map<string, Seen>();
  const here = below === '' ? root : Buffer.concat([root, Buffer.from(`/${below}`, 'latin1')]);
  const stats = await lstat(here, { bigint: true });
  const mode = (stats.mode & 0o7777n).toString(8);
  const add = (what: string): void => void seen.set(below, { what, mtimeNs: stats.mtimeNs });
  if (stats.isSymbolicLink()) add(`link ${(await readlink(here, { encoding: 'buffer' })).toString('hex')}`);
  if (stats.isFile()) {
    const isSparse = stats.blocks * 512n < stats.size;
    const content = await readFile(here);
    add(
      `file ${mode} ${content.length} ${content.toString('latin1').replaceAll('\0', '').length} ${stats.nlink} ${isSparse}`,
    );
  }
  if (stats.isDirectory()) {
    add(`folder ${mode}`);
    for (const child of await readdir(here, { encoding: 'buffer' })) {
      const path = `${below}${below === '' ? '' : '/'}${child.toString('latin1')}`;
      for (const [key, value] of await look(root, path)) seen.set(key, value);
    }
  }
  return seen;
}

function whatsOf(seen: ReadonlyMap<string, Seen>): Record<string, string> {
  return Object.fromEntries([...seen].map(([path, { what }]) => [path, what]));
}

function configOf(live: string): FilesConfig {
  const base = { id: 'files', kind: 'files', host: 'main', tier: 'critical', priority: 1, services: [] } as const;
  return { ...base, paths: [live], exclude: [] };
}

function driverOf(live: string): Driver {
  return createFilesDriver(configOf(live), {
    target: createProcessTarget(),
    stateDir: join(folder.path, 'state'),
    secret: async () => undefined,
  });
}

let number = 0;
/** A tree, captured and staged, and what was seen of it before. */
async function staged(tree: readonly Entry[]) {
  // Journal and lease of a component lie beside its data.
  const live = join(folder.path, `tree-${(number += 1)}`, 'live');
  await mkdir(join(live, '..'));
  await grow(tree, live);
  const before = await look(Buffer.from(live));
  const driver = driverOf(live);
  const record = await capture(driver, repository);
  for (const socket of sockets.splice(0)) socket.close();
  const context = (phase: number) => contextOf({ repository, record, token: token(phase), staged: token(1001) });
  await driver.stage(context(1001));
  return {
    live,
    before,
    driver,
    record,
    context,
    place: Buffer.from(await stagedPath(configOf(live), live, token(1001))),
  };
}

test('F1: every entry comes back with bytes, mode, time, text and second names, and what is left out is counted', async () => {
  await fc.assert(
    fc.asyncProperty(trees, async (tree) => {
      const { live, before, driver, record, context } = await staged(tree);
      expect(broken(await driver.validate(context(2001)))).toEqual([]);
      await driver.swap(context(3001));
      expect(broken(await driver.probe(context(4001)))).toEqual([]);
      await driver.commit(context(5001));
      const after = await look(Buffer.from(live));
      expect(whatsOf(after)).toEqual(whatsOf(before));
      for (const [path, { mtimeNs }] of before)
        expect(isFileTime(String(mtimeNs), after.get(path)!.mtimeNs), path).toBe(true);
      const expected = { socket: 0, 'named pipe': 0 };
      for (const { kind } of tree) if (kind === 'socket' || kind === 'named pipe') expected[kind] += 1;
      expect(leftOutOf(record.facts)).toEqual(
        Object.fromEntries(Object.entries(expected).filter(([, count]) => count > 0)),
      );
    }),
    { numRuns: 12 },
  );
});

/** One change to what is staged; none of them may pass. */
const changes: Readonly<Record<string, (path: Buffer, seen: Seen) => Promise<void>>> = {
  bytes: async (path, { what }) => {
    if (!what.startsWith('file')) return rm(path, { recursive: true });
    const { mode } = await lstat(path);
    await rm(path);
    await writeFile(path, 'something else entirely', { mode });
  },
  mode: async (path, { what }) => {
    if (what.startsWith('link')) await rm(path);
    else await chmod(path, 0o705);
  },
  time: async (path) => lutimes(path, '86399.5', '86399.5'),
  absence: async (path) => rm(path, { recursive: true }),
  text: async (path, { what }) => {
    await rm(path, { recursive: true });
    await (what.startsWith('link') ? symlink('elsewhere', path) : mkdir(path, { mode: 0o711 }));
  },
};

test('F1: whatever differs in one entry fails the comparison of what was staged', async () => {
  await fc.assert(
    fc.asyncProperty(trees, fc.nat(), fc.constantFrom(...Object.keys(changes)), async (tree, pick, change) => {
      const { before, driver, context, place } = await staged(tree);
      const [path, seen] = [...before].filter(([each]) => each !== '')[pick % (before.size - 1)]!;
      const at = Buffer.concat([place, Buffer.from(`/${path}`, 'latin1')]);
      await changes[change]!(at, seen);
      expect((await driver.validate(context(2001))).some(isFailed), `${change} of ${path}`).toBe(true);
      await driver.undo(context(9001));
    }),
    { numRuns: 12 },
  );
});
