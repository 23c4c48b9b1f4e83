/** What the schema cannot see in one key: references between keys. All problems at once. */
import { clockChanges } from './daylight-saving.ts';
import { findCycles } from '../domain/plan/graph.ts';
import { destructiveCommands } from './destructive-commands.ts';
import { overlaps } from './overlaps.ts';
import type { Configuration } from './schema/configuration.ts';
import type { CrossProblem } from './problem.ts';

export function crossCheck(config: Configuration): { problems: CrossProblem[]; warnings: string[] } {
  const problems = [
    ...danglingServices(config),
    ...danglingEngines(config),
    ...locationProblems(config),
    ...serviceShapes(config),
    ...cycles(config),
    ...overlaps(config),
    ...destructiveCommands(config),
  ];
  if (Object.keys(config.components).length === 0)
    problems.push({ path: ['components'], message: 'must name at least one component' });
  return { problems, warnings: warnings(config) };
}

function danglingServices({ services, components, temporal }: Configuration): CrossProblem[] {
  const known = new Set(Object.keys(services));
  const dangling = (list: readonly string[], path: string[]): CrossProblem[] =>
    list.filter((name) => !known.has(name)).map((name) => ({ path, message: `names the unknown service \`${name}\`` }));
  return [
    ...dangling(temporal.service === undefined ? [] : [temporal.service], ['temporal', 'service']),
    ...Object.entries(services).flatMap(([name, service]) =>
      dangling(service.dependsOn, ['services', name, 'dependsOn']),
    ),
    ...Object.entries(components).flatMap(([id, component]) =>
      dangling(component.services, ['components', id, 'services']),
    ),
  ];
}

function danglingEngines({ services, components }: Configuration): CrossProblem[] {
  return Object.entries(services).flatMap(([name, { ready }]) => {
    if (ready === 'running' || !('engine' in ready)) return [];
    const component = components[ready.engine];
    if (component !== undefined && 'hostname' in component) return [];
    const message =
      component === undefined
        ? `\`engine\` names the unknown component \`${ready.engine}\``
        : `\`engine\` names \`${ready.engine}\`, which is of kind \`${component.kind}\` and has no server`;
    return [{ path: ['services', name, 'ready'], message }];
  });
}

function locationProblems({ locations, components }: Configuration): CrossProblem[] {
  const unknown = Object.entries(components).flatMap(([id, component]) => {
    if (component.kind !== 'postgres' || component.wal.ackLocation === undefined) return [];
    const { ackLocation } = component.wal;
    if (locations[ackLocation] !== undefined) return [];
    const path = ['components', id, 'wal', 'ackLocation'];
    return [{ path, message: `names the unknown location \`${ackLocation}\`` }];
  });
  const halves = Object.entries(locations).flatMap(([name, location]) => {
    if (location.kind !== 's3' || (location.accessKey === undefined) === (location.secretKey === undefined)) return [];
    return [{ path: ['locations', name], message: 'has one of `accessKey` and `secretKey`; give both or none' }];
  });
  return [...unknown, ...halves];
}

function serviceShapes({ services }: Configuration): CrossProblem[] {
  return Object.entries(services).flatMap(([name, service]) => {
    const path = ['services', name];
    const own = service.command !== undefined;
    const foreign = service.start !== undefined || service.stop !== undefined || service.isRunning !== undefined;
    if (own && foreign) return [{ path, message: 'has both `command` and `start`/`stop`/`isRunning`; choose one way' }];
    if (own && (service.pidFile === undefined || service.logFile === undefined))
      return [{ path, message: '`command` needs `pidFile` and `logFile`' }];
    if (!own && (service.start === undefined || service.stop === undefined || service.isRunning === undefined)) {
      return [{ path, message: 'needs `command`, or all of `start`, `stop` and `isRunning`' }];
    }
    return [];
  });
}

function cycles({ services }: Configuration): CrossProblem[] {
  const nodes = Object.entries(services).map(([id, service]) => ({ id, after: service.dependsOn }));
  return findCycles(nodes).map((cycle) => ({
    path: ['services', cycle[0] ?? ''],
    message: `dependsOn has a cycle: ${cycle.join(' → ')}`,
  }));
}

function warnings({ schedules, repository, notify }: Configuration): string[] {
  const found: string[] = [];
  for (const [id, schedule] of Object.entries(schedules)) {
    const met = clockChanges(schedule.cron, schedule.timeZone, new Date());
    if (met.length > 0) {
      const list = met
        .slice(0, 2)
        .map(({ time, effect }) => `${time} ${effect === 'skipped' ? 'is skipped' : 'runs twice'}`);
      found.push(
        `schedule \`${id}\`: ${list.join(', ')} by the clocks of ${schedule.timeZone}; choose another time, or UTC`,
      );
    }
  }
  if (repository.encryption === 'none')
    found.push('the repository is not encrypted: whoever reads its disk reads every secret of the appliance');
  const channels = Object.keys(notify.channels).length;
  if (notify.webhook === undefined && channels === 0 && process.env.SLACK_WEBHOOK_URL === undefined)
    found.push('notify names no channel: failed backups tell nobody');
  return found;
}
