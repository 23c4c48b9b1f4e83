/** What stands in the way of capturing or restoring this Redis. */
import { access, constants } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import type { Target } from '../../platform/target.ts';
import type { DriverEnvironment } from '../driver.ts';
import { restoreTargetOf } from '../swap/target.ts';
import { commandHint, missingCommands, missingText } from './commands.ts';
import { endpointOf, info, withRedis } from './connection.ts';
import { concernsOf, deploymentOf, unfitness, type Deployment } from './deployment.ts';
import { knownSettings, nextStartOf, unknownNames, type KnownSettings } from './known-settings.ts';
import { oneName, oneNameHint } from './possible-starts.ts';
import { changedAtNextStart, describeChanged } from './running-settings.ts';
import { findServerBinary } from './server-binary.ts';
import { wayOf } from './snapshot.ts';
import { closedStarts, staleAppendFile } from './other-starts.ts';
import { isClusterAtStart, primaryAtStart } from './start-settings.ts';
import type { Finding } from '../../domain/finding.ts';

/** Never throws. */
export async function checkRedis(config: RedisConfig, environment: DriverEnvironment): Promise<Finding[]> {
  return [
    ...(await checkServer(config, environment)),
    await checkFolder(config),
    ...(await checkConfigFiles(config)),
    await checkBinary(config, environment.target),
  ];
}

async function checkServer(config: RedisConfig, environment: DriverEnvironment): Promise<Finding[]> {
  const name = `${config.id}: server`;
  try {
    const endpoint = await endpointOf(config, environment);
    return await withRedis(endpoint, async (client) => {
      const { redis_version: version = 'unknown' } = await info(client, 'server');
      const deployment = await deploymentOf(client);
      const unfit = unfitness(deployment, endpoint);
      if (unfit !== undefined) return [{ name, level: 'fail', text: unfit.text, hint: unfit.hint }];
      const settings = await knownSettings(client, config, environment.startCommands);
      const keyspace = await info(client, 'keyspace');
      const isEmpty = !Object.keys(keyspace).some((field) => field.startsWith('db'));
      const commands = await checkCommands(client, config, settings);
      if (isEmpty)
        return [
          ...commands,
          {
            name,
            level: 'warn',
            text: `Redis ${version} holds no key: a backup of it would fail`,
            hint: 'is it the right server?',
          },
        ];
      const answers: Finding = { name, level: 'ok', text: `Redis ${version} answers` };
      return [
        answers,
        ...commands,
        ...(await checkDeployment(client, config, { deployment, environment })),
        ...(await checkSettings(client, config, { settings, environment })),
      ];
    });
  } catch (error) {
    return [{ name, level: 'fail', text: (error as Error).message, hint: hintOf(error, config) }];
  }
}

/** The catalogue's hint for an engine that is down names this very check. */
function hintOf(error: unknown, { id, hostname, port, username, password }: RedisConfig): string {
  if (isLifeboatError(error, 'EngineUnavailable')) {
    return `start Redis, or correct \`hostname\` (${hostname}) and \`port\` (${port}) of \`${id}\``;
  }
  if (isLifeboatError(error, 'AuthFailed')) {
    if (password === undefined) return `the server wants a password: set \`password\` of \`${id}\``;
    const user = username === undefined ? '`requirepass` of the server' : `the ACL user \`${username}\``;
    return `\`password\` of \`${id}\` must be that of ${user}`;
  }
  return isLifeboatError(error) ? error.hint : 'see the log of the server';
}

/** Only what is missing is told. */
async function checkCommands(client: Redis, config: RedisConfig, settings: KnownSettings): Promise<Finding[]> {
  const missing = await missingCommands(client, await wayOf(client, config, settings));
  return missing.map((each) => ({
    name: `${config.id}: commands`,
    level: 'fail',
    text: missingText(each),
    hint: commandHint(each, config.username),
  }));
}

interface Running {
  readonly environment: DriverEnvironment;
}

/** What the server is beside others, now and at its next start. */
async function checkDeployment(
  client: Redis,
  config: RedisConfig,
  { deployment, environment }: Running & { readonly deployment: Deployment },
): Promise<Finding[]> {
  const name = `${config.id}: deployment`;
  const findings = concernsOf(deployment, config).map((each): Finding => ({ name, level: 'warn', ...each }));
  const next = await nextStartOf(client, config, environment.startCommands);
  const primary = primaryAtStart(next);
  if (primary !== undefined)
    findings.push({
      name,
      level: 'warn',
      text: `the next start makes the server a replica of ${primary}: a restore is refused, for the primary would replace it`,
      hint: 'restore the primary, or remove `replicaof` from the configuration and the command that starts it',
    });
  if (isClusterAtStart(next) && !deployment.isClusterNode)
    findings.push({
      name,
      level: 'warn',
      text: 'the next start makes the server a node of a cluster: a restore is refused',
      hint: 'set `cluster-enabled no` where the server is to stand alone',
    });
  return findings;
}

async function checkSettings(
  client: Redis,
  config: RedisConfig,
  { settings, environment }: Running & { readonly settings: KnownSettings },
): Promise<Finding[]> {
  const name = `${config.id}: settings`;
  const findings: Finding[] = [];
  const unknown = unknownNames(settings, config);
  if (unknown !== undefined) findings.push({ name, level: 'warn', ...unknown });
  const { startCommands } = environment;
  for (const changed of await changedAtNextStart(client, config, startCommands))
    findings.push({ name, level: 'warn', ...describeChanged(changed, startCommands) });
  const stale = await staleAppendFile(config, settings);
  if (stale !== undefined) findings.push({ name, level: 'warn', ...stale });
  for (const closed of await closedStarts(config, settings)) findings.push({ name, level: 'warn', ...closed });
  if (settings.dumpName === settings.appendFolder)
    findings.push({ name, level: 'warn', text: oneName(settings.dumpName), hint: oneNameHint });
  const { config_file: configFile } = await info(client, 'server');
  for (const path of [configFile, settings.aclFile]) {
    if (path === undefined || path === '' || config.configFiles.includes(path)) continue;
    findings.push({
      name,
      level: 'warn',
      text: `the server reads \`${path}\`, which is not captured with it`,
      hint: `add \`${path}\` to configFiles of \`${config.id}\``,
    });
  }
  return findings;
}

async function checkFolder(config: RedisConfig): Promise<Finding> {
  const name = `${config.id}: ${config.dataDirectory}`;
  try {
    const problem = await access(config.dataDirectory, constants.R_OK | constants.X_OK).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    );
    if (problem !== undefined)
      return {
        name,
        level: 'warn',
        text: `cannot be read here (${problem}): captured over the replication stream, and not restorable from here`,
        hint:
          problem === 'ENOENT' || problem === 'ENOTDIR'
            ? `correct \`dataDirectory\` of \`${config.id}\`, or run a worker on the host of this folder`
            : refusedHint(problem, process.getuid?.(), 'the owner of the folder'),
      };
    const { problems } = await restoreTargetOf({ live: config.dataDirectory, needBytes: 0 });
    const first = problems[0];
    if (first === undefined) return { name, level: 'ok', text: 'readable, and can be exchanged' };
    return { name, level: 'warn', text: `can be captured, but not restored: ${first.message}`, hint: first.hint };
  } catch (error) {
    return { name, level: 'fail', text: (error as Error).message, hint: 'check the path and its filesystem' };
  }
}

async function checkConfigFiles(config: RedisConfig): Promise<Finding[]> {
  return Promise.all(
    config.configFiles.map(async (path): Promise<Finding> => {
      const name = `${config.id}: ${path}`;
      const problem = await access(path, constants.R_OK).then(
        () => undefined,
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      if (problem === undefined) return { name, level: 'ok', text: 'readable' };
      return {
        name,
        level: 'fail',
        text: `cannot be read (${problem})`,
        hint:
          problem === 'EACCES'
            ? refusedHint(problem, process.getuid?.(), 'the owner of the file')
            : `correct the path, or take it out of \`configFiles\` of \`${config.id}\``,
      };
    }),
  );
}

async function checkBinary(config: RedisConfig, target: Target): Promise<Finding> {
  const name = `${config.id}: redis-server`;
  const binary = await findServerBinary(config, target);
  if (binary !== undefined) return { name, level: 'ok', text: `${binary.path} is ${binary.version}` };
  const configured = config.serverBinary;
  const where = configured === undefined ? 'no redis-server on this host' : `\`${configured}\` is no redis-server`;
  return {
    name,
    level: 'warn',
    text: `${where}: staged data is proven by its structure only, before the swap`,
    hint:
      configured === undefined
        ? `install it (Debian: apt-get install redis-server), or name it in \`serverBinary\` of \`${config.id}\``
        : `correct \`serverBinary\` of \`${config.id}\`, or leave it out: then it is looked for on PATH`,
  };
}
