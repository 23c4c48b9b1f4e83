import { LifeboatError } from '../../domain/errors.ts';
import type { ServiceConfig } from '../../domain/appliance.ts';
import type { Platform } from '../platform.ts';
import { askReadiness, type Asked, type AskEngine } from '../readiness.ts';
import { checkService, refuseUnsteerableService } from './check-service.ts';
import { commandState, startByCommand, stopByCommand } from './command-service.ts';
import type { CommandService } from './command-service.ts';
import { execInService } from './exec.ts';
import type { ProcessService } from './launch.ts';
import { processState, startProcess, stopProcess } from './process-service.ts';

/** The platform of an appliance whose services are processes on this host. It keeps nothing in memory: pid files tell. */
export function createProcessPlatform(services: readonly ServiceConfig[], askEngine: AskEngine = noEngine): Platform {
  const find = (name: string): Asked => {
    const service = services.find((candidate) => candidate.name === name);
    if (service === undefined)
      throw new LifeboatError('NotFound', `there is no service \`${name}\``, {
        hint: `lifeboat.yaml has ${services.map((s) => s.name).join(', ')}`,
      });
    const exec = async (command: readonly string[], timeoutMs: number) => execInService(service, command, timeoutMs);
    return { ...service, askReadiness: async () => askReadiness(service.ready, { engine: askEngine, exec }) };
  };
  return {
    kind: 'process',
    start: async (name, signal) => {
      const service = find(name);
      await (isProcess(service) ? startProcess(service, signal) : startByCommand(service as CommandService, signal));
    },
    stop: async (name, signal) => {
      const service = find(name);
      await (isProcess(service) ? stopProcess(service, signal) : stopByCommand(service as CommandService, signal));
    },
    state: async (name) => {
      const service = find(name);
      return isProcess(service) ? processState(service) : commandState(service as CommandService);
    },
    check: async () => (await Promise.all(services.map(checkService))).flat(),
    refuseUnsteerable: async (names) => {
      for (const name of names) await refuseUnsteerableService(find(name));
    },
  };
}

async function noEngine(component: string): Promise<never> {
  throw new LifeboatError('Internal', `nobody can ask the engine of component \`${component}\``);
}

function isProcess(service: Asked): service is Asked<ProcessService> {
  return service.run.kind === 'process';
}
