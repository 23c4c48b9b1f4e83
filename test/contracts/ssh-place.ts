/** SSH storage for the contract: the server comes from the environment, so that the contract's child finds it as well. */
import type { SshSettings } from '../../src/storage/ssh/session.ts';
import { createSshStorage } from '../../src/storage/ssh/ssh-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';

const variable = 'LIFEBOAT_TEST_SSH';

export function setSshServer(settings: SshSettings): void {
  process.env[variable] = JSON.stringify(settings);
}

export function openSsh(place: string): Storage {
  const settings = JSON.parse(process.env[variable] ?? '') as SshSettings;
  return createSshStorage({ ...settings, path: place });
}
