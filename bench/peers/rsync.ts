/** rsync moves the same packs through the same SSH server. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SshSettings } from '../../src/storage/ssh/session.ts';
import { runCommand } from '../command.ts';
import type { DataSet } from '../data/data-set.ts';
import type { Peer } from './peer.ts';

export interface RsyncPeer extends Peer {
  copy(settings: SshSettings): Promise<number>;
}

export function rsyncPeer(data: DataSet, version: string): RsyncPeer {
  return {
    name: 'rsync',
    version,
    flags: ['rsync --archive --fsync -e "ssh …" <repository>/packs/ HOST:<folder>/'],
    copy: async ({ hostname, port, user, keyFile, hostKey }) => {
      const known = join(data.work, 'known_hosts');
      const target = join(data.work, 'rsync');
      await writeFile(known, `[${hostname}]:${port} ${hostKey}\n`);
      await rm(target, { recursive: true, force: true, maxRetries: 5 });
      const ssh = `ssh -p ${port} -i ${keyFile} -o UserKnownHostsFile=${known} -o IdentitiesOnly=yes -o BatchMode=yes`;
      const packs = join(data.appliance.repository.path, 'packs');
      try {
        const args = ['--archive', '--fsync', '-e', ssh, `${packs}/`, `${user}@${hostname}:${target}/`];
        return (await runCommand('rsync', args)).seconds;
      } finally {
        await rm(target, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  };
}
