/** Activities that stop, start and look at services. Each may run twice: stopping what is stopped is fine. */
import type { Dependencies } from './dependencies.ts';
import { translated } from './call/failures.ts';
import { withHeartbeat } from './call/heartbeat.ts';
import { LifeboatError } from '../src/domain/errors.ts';
import { plural } from '../src/domain/plural.ts';

export type PlatformActivities = ReturnType<typeof createPlatformActivities>;

export function createPlatformActivities({ platform }: Dependencies) {
  return {
    /** Asked before a stop, in a step of its own: a stop that is tried again finds what its first attempt left. */
    async isRunning({ service }: { readonly service: string }): Promise<boolean> {
      return translated(service, () => withHeartbeat(async () => (await platform.state(service)).running));
    },

    async stopService({ service }: { readonly service: string }): Promise<void> {
      return translated(service, () =>
        withHeartbeat(async (beat) => {
          beat.report({ phase: `stopping ${service}`, bytesDone: 0, bytesTotal: 0 });
          await platform.stop(service, beat.signal);
        }),
      );
    },

    async startService({ service }: { readonly service: string }): Promise<void> {
      return translated(service, () =>
        withHeartbeat(async (beat) => {
          beat.report({ phase: `starting ${service}`, bytesDone: 0, bytesTotal: 0 });
          await platform.start(service, beat.signal);
        }),
      );
    },

    /** Every service that was started is ready by its own word (a body that says unhealthy is not ready). */
    async checkHealth({ services }: { readonly services: readonly string[] }): Promise<{ readonly text: string }> {
      return translated(undefined, () =>
        withHeartbeat(async () => {
          const states = await Promise.all(services.map((service) => platform.state(service)));
          const sick = states.filter(({ ready }) => !ready);
          if (sick.length > 0) {
            throw new LifeboatError(
              'ServiceFailed',
              `not healthy: ${sick.map(({ service, detail }) => `${service} (${detail})`).join(', ')}`,
            );
          }
          return { text: states.length === 0 ? 'no service to check' : `${plural(states.length, 'service')} ready` };
        }),
      );
    },
  };
}
