/** Whom Lifeboat is measured against. An absent peer is undefined: its numbers are then not measured, and not met. */
import type { DataSet } from '../data/data-set.ts';
import { versionOf } from '../machine.ts';
import { documentsPipeline } from './documents.ts';
import { pgbackrestPeer, type PgbackrestPeer } from './pgbackrest.ts';
import { rclonePeer, type RclonePeer } from './rclone.ts';
import { resticPeer, type ResticPeer } from './restic.ts';
import { rsyncPeer, type RsyncPeer } from './rsync.ts';
import { tarZstd } from './tar-zstd.ts';
import type { Peer } from './peer.ts';

export interface Peers {
  readonly documents: ReturnType<typeof documentsPipeline> | undefined;
  readonly tar: ReturnType<typeof tarZstd> | undefined;
  readonly restic: ResticPeer | undefined;
  readonly pgbackrest: PgbackrestPeer | undefined;
  readonly rclone: RclonePeer | undefined;
  readonly rsync: RsyncPeer | undefined;
}

export async function findPeers(data: DataSet): Promise<Peers> {
  const of = async <T>(
    command: string,
    args: readonly string[],
    make: (version: string) => T,
  ): Promise<T | undefined> => {
    const version = await versionOf(command, args);
    return version === 'absent' ? undefined : make(version);
  };
  return {
    documents: await of('pg_dump', ['--version'], (version) => documentsPipeline(data, version)),
    tar: await of('zstd', ['--version'], (version) => tarZstd(data, version)),
    restic: await of('restic', ['version'], (version) => resticPeer(data, version)),
    pgbackrest: await of('pgbackrest', ['version'], (version) => pgbackrestPeer(data, version)),
    rclone: await of('rclone', ['version'], (version) => rclonePeer(data, version)),
    rsync: await of('rsync', ['--version'], (version) => rsyncPeer(data, version)),
  };
}

export function describePeers(peers: Peers): string {
  return Object.entries(peers)
    .map(([name, peer]: [string, Peer | undefined]) =>
      peer === undefined
        ? `${name}: absent, not measured`
        : `${peer.name} (${peer.version})\n${peer.flags.map((flag) => `    ${flag}`).join('\n')}`,
    )
    .join('\n');
}
