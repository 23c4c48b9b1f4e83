/** Who writes the data directory and runs the private server: the same user that runs the live one, never root. */
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { Owner, Target } from '../../../platform/target.ts';
import { nearestExisting } from '../../swap/disk.ts';

/**
 * The configured user, else the owner of the live data directory, else (the disaster removed it) of its nearest
 * existing parent. PermissionDenied where this process is neither root nor that user, or where that user is root.
 */
export async function ownerOf(config: PostgresConfig, target: Target): Promise<Owner> {
  const owner = await configuredOrLive(config, target);
  const self = process.getuid?.() ?? -1;
  if (owner.uid === 0) {
    throw new LifeboatError('PermissionDenied', `\`${config.dataDirectory}\` would belong to root`, {
      component: config.id,
      hint: 'name the user that runs PostgreSQL in `osUser`: the server refuses to run as root',
    });
  }
  if (self !== 0 && self !== owner.uid) {
    throw new LifeboatError(
      'PermissionDenied',
      `\`${config.dataDirectory}\` belongs to user ${owner.uid}, this process runs as user ${self}`,
      { component: config.id, hint: `run the worker as root or as user ${owner.uid}` },
    );
  }
  return owner;
}

async function configuredOrLive(config: PostgresConfig, target: Target): Promise<Owner> {
  if (config.osUser !== undefined) return target.user(config.id, config.osUser);
  const live = await lstat(config.dataDirectory).catch(() => undefined);
  if (live !== undefined) return { uid: live.uid, gid: live.gid };
  const self = { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
  // An ordinary user restores for itself; whether it may write there is asked apart.
  if (self.uid !== 0) return self;
  const parent = await lstat(await nearestExisting(dirname(config.dataDirectory)));
  return { uid: parent.uid, gid: parent.gid };
}

/** What `spawn` and `chown` need: nothing when this process is that user already. */
export function asOther(owner: Owner): Owner | undefined {
  return process.getuid?.() === 0 ? owner : undefined;
}
