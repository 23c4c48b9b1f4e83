import { aptCommand, aptSource } from './apt.mjs';
import { firstWorking, onPath } from './search.mjs';
import { provide } from './step.mjs';

/** Path of `redis-server`. */
export function provideRedis(user) {
  return provide({
    title: 'Redis',
    find: () =>
      firstWorking([process.env.LIFEBOAT_REDIS_SERVER, ...onPath('redis-server')].filter(Boolean), ['--version'], user),
    sources: [aptSource('redis-server')],
    command: process.platform === 'darwin' ? 'brew install redis' : aptCommand('redis-server'),
  });
}
