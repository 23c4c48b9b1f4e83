/** A service of lifeboat.yaml: what is stopped and started around a restore. */
import { z } from 'zod';
import { absolutePath, argv, duration, endpoint, name, url } from './scalars.ts';

export const service = z
  .strictObject({
    dependsOn: z
      .array(name)
      .default([])
      .describe('services that must be ready before this one starts; it stops before them'),
    command: argv.optional().describe('what runs in the foreground; Lifeboat starts it and keeps its pid file and log'),
    cwd: absolutePath.optional().describe('working folder of `command`'),
    env: z.record(z.string(), z.string()).default({}).describe('environment variables for `command`'),
    user: z.string().optional().describe('unix user that runs `command` when the worker runs as root'),
    pidFile: absolutePath.optional().describe('pid file of `command`'),
    logFile: absolutePath.optional().describe('log file of `command`'),
    stopSignal: z
      .enum(['SIGTERM', 'SIGINT', 'SIGQUIT'])
      .default('SIGTERM')
      .describe('signal that asks `command` to end'),
    start: argv
      .optional()
      .describe('starts a service that somebody else keeps, for example `[systemctl, start, redis]`'),
    stop: argv.optional().describe('stops it'),
    isRunning: argv.optional().describe('exits 0 while it runs, 1 to 125 while it does not'),
    ready: z
      .union(
        [
          z.strictObject({ engine: name }),
          z.strictObject({ tcp: endpoint }),
          z.strictObject({ http: url }),
          z.strictObject({ health: url }),
          z.strictObject({ command: argv }),
          z.literal('running'),
        ],
        {
          error:
            '`{ engine: component }`, `{ tcp: host:port }`, `{ http: URL }`, `{ health: URL }`, `{ command: [program, …] }` or `running`',
        },
      )
      .default('running')
      .describe(
        'how readiness is seen: the server of a component takes work (its port may accept while it still starts), a port accepts, a page answers with 200, the body of the health page of the companion says so (200 while unhealthy is not ready), a program that is run like the service exits with 0, or that it runs',
      ),
    stopTimeout: duration.default(300).describe('longest time to stop'),
    startTimeout: duration.default(600).describe('longest time until ready'),
  })
  .describe('a service that is stopped and started around a restore');
