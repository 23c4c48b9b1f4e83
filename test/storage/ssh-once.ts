/** Uses an SSH storage once and has nothing more to do. Argument: its settings as JSON. */
import type { SshSettings } from '../../src/storage/ssh/session.ts';
import { createSshStorage } from '../../src/storage/ssh/ssh-storage.ts';

const storage = createSshStorage(JSON.parse(process.argv[2] ?? '') as SshSettings);
await storage.putIfAbsent('manifests/a', Buffer.from('x'));
console.log(Buffer.from(await storage.read('manifests/a')).toString());
