/** Compiled code is kept between commands, where this user may keep something. */
import { enableCompileCache } from 'node:module';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/**
 * In `.cache/lifeboat/compiled` of the user's own home, as the system knows it: HOME may be somebody else's (`sudo`), who
 * could then choose what root executes. NODE_COMPILE_CACHE names another folder, NODE_DISABLE_COMPILE_CACHE none. Where
 * nothing can be kept, each command compiles anew.
 */
export function enableCompiledCode(): void {
  let home: string;
  try {
    home = userInfo().homedir;
  } catch {
    return; // A user that the system does not know, as in a container, has no home.
  }
  enableCompileCache(join(home, '.cache', 'lifeboat', 'compiled'));
}
