/** What the private server is given, whatever the live one says; it differs between majors. */
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { expect } from 'vitest';
import { runningPostmaster } from '../../../src/drivers/postgres/server/postmaster.ts';
import { privateFolder } from '../../../src/drivers/postgres/server/private-server.ts';
import { labTest } from './lab.ts';
import { staged, startOn } from './private.ts';

/** Inodes of all TCP sockets that listen, from the kernel's own table. */
async function listeningInodes(): Promise<Set<string>> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const rows = tables.flatMap((table) => table.split('\n').slice(1)).map((row) => row.trim().split(/\s+/));
  return new Set(rows.filter((fields) => fields[3] === '0A').map((fields) => fields[9]!));
}

async function socketInodes(pid: number): Promise<string[]> {
  const links = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
  );
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}

labTest(
  'D2.7: the private server listens on no network, archives nothing, and only its own user may enter its socket',
  async ({ lab }) => {
    const made = await lab();
    const { record, path } = await staged(made);
    const server = await startOn(made, record, path);
    try {
      const folder = privateFolder(path);
      expect(Buffer.byteLength(folder)).toBeLessThan(100);
      expect((await lstat(folder)).mode & 0o777).toBe(0o700);
      const pid = await runningPostmaster(path);
      const listening = await listeningInodes();
      expect((await socketInodes(pid!)).filter((inode) => listening.has(inode))).toEqual([]);
      // The live server is one of those that do, so the table was read.
      const live = await runningPostmaster(made.config.dataDirectory);
      expect((await socketInodes(live!)).some((inode) => listening.has(inode))).toBe(true);
      const session = await server.connect('postgres');
      // A subscription that came with the data must not drain the live publisher.
      const expected = {
        listen_addresses: '',
        archive_mode: 'off',
        archive_command: '(disabled)',
        primary_conninfo: '',
        primary_slot_name: '',
        max_logical_replication_workers: '0',
        shared_preload_libraries: '',
        ssl: 'off',
        huge_pages: 'off',
      };
      const settings = await session.row(
        `SELECT ${Object.keys(expected)
          .map((name) => `current_setting('${name}') AS ${name}`)
          .join(', ')}`,
      );
      await session.end();
      expect(settings).toEqual(expected);
    } finally {
      await server.stop();
    }
    await expect(lstat(privateFolder(path))).rejects.toThrow('ENOENT');
  },
);
