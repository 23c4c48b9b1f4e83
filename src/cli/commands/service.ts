/** `lifeboat service install|status|uninstall`: systemd keeps Temporal, the worker and the watchdog running. */
import { constants } from 'node:fs';
import { access, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { answers } from '../../client/temporal/connection.ts';
import { findTemporalProgram, serverCommand } from '../../client/temporal/dev-server.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { allUnitNames, markerOf, systemdUnits, type Unit } from '../service/systemd-units.ts';
import { loadAppliance } from '../context.ts';
import { commandOf, configPath, type GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { exit } from '../exit.ts';
import { table } from '../output/table.ts';

export interface ServiceOptions {
  /** Tree of another machine, as of an image that is built: nothing is started there. */
  readonly root?: string;
}

const unitFolder = 'etc/systemd/system';

/** Writes what differs, enables and starts it. Called again it changes nothing that stands as it should. */
export async function serviceInstall(globals: GlobalOptions, { root }: ServiceOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  await requireSystemd();
  const units = await unitsOf(globals, appliance, root);
  const folder = join(root ?? '/', unitFolder);
  await refuseForeign(folder, markerOf({ appliance: appliance.name, configFile: configPath(globals) }));
  await requireWritable(folder);
  await mkdir(join(root ?? '/', appliance.stateDir), { recursive: true, mode: 0o700 });
  const changed: string[] = [];
  for (const { name, text } of units) {
    if ((await installedText(folder, name)) === text) continue;
    await writeFile(join(folder, name), text, { mode: 0o644 });
    changed.push(name);
  }
  // A cluster was configured since: the server of this host goes, its database stays.
  await removeUnits(
    allUnitNames.filter((name) => !units.some((unit) => unit.name === name)),
    root,
  );
  const enabled = units.filter(({ isEnabled }) => isEnabled).map(({ name }) => name);
  if (root === undefined) await systemctl(['daemon-reload']);
  await systemctl([...rootArgument(root), 'enable', '--quiet', ...enabled]);
  // A worker reads its configuration when it starts: who installs again wants what stands there now.
  if (root === undefined) await systemctl(['restart', ...enabled]);
  for (const { name } of units) print(`${changed.includes(name) ? 'written' : 'as it was'}  ${join(folder, name)}`);
  if (root === undefined)
    say(`see them with \`${commandOf(globals, 'service status')}\` and \`journalctl -u lifeboat-worker\``);
}

export async function serviceStatus(globals: GlobalOptions, { root }: ServiceOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  await requireSystemd();
  const folder = join(root ?? '/', unitFolder);
  const units = await unitsOf(globals, appliance, root);
  const states = await Promise.all(
    units.map(async ({ name, text, isEnabled }) => {
      const installed = await installedText(folder, name);
      return {
        unit: name,
        file: installed === undefined ? 'missing' : installed === text ? 'ok' : 'differs',
        enabled: isEnabled ? await ask([...rootArgument(root), 'is-enabled', name]) : 'by its timer',
        active: root === undefined ? await ask(['is-active', name]) : '',
      };
    }),
  );
  if (globals.output === 'json') printJson(states);
  else
    print(
      table(
        ['UNIT', 'FILE', 'ENABLED', 'ACTIVE'],
        states.map(({ unit, file, enabled, active }) => [unit, file, enabled, active]),
      ),
    );
  const isWell = states.every(
    ({ file, enabled, active, unit }) =>
      file === 'ok' && /^(enabled|by its timer)$/.test(enabled) && (root !== undefined || isUp(unit, active)),
  );
  if (isWell) return;
  say(`  hint: \`${commandOf(globals, 'service install')}\` writes, enables and starts them anew`);
  process.exitCode = exit.degraded;
}

/** Takes away only what an installation wrote; data, configuration and Temporal's database stay. */
export async function serviceUninstall(globals: GlobalOptions, { root }: ServiceOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  await requireSystemd();
  const folder = join(root ?? '/', unitFolder);
  await refuseForeign(folder, markerOf({ appliance: appliance.name, configFile: configPath(globals) }));
  const removed = await removeUnits(allUnitNames, root);
  if (removed.length === 0) print('nothing is installed');
  if (root === undefined) await systemctl(['daemon-reload']);
}

/** Stops and removes those that stand; says which. */
async function removeUnits(names: readonly string[], root: string | undefined): Promise<string[]> {
  const folder = join(root ?? '/', unitFolder);
  const standing: string[] = [];
  for (const name of names) if ((await installedText(folder, name)) !== undefined) standing.push(name);
  const enabled = standing.filter((name) => !isOneshot(name));
  const now = root === undefined ? ['--now'] : [];
  if (enabled.length > 0) await systemctl([...rootArgument(root), 'disable', '--quiet', ...now, ...enabled]);
  for (const name of standing) {
    await rm(join(folder, name));
    print(`removed  ${join(folder, name)}`);
  }
  return standing;
}

/** A server of this host gets a unit, unless another one answers at the address already. */
async function unitsOf(globals: GlobalOptions, appliance: Appliance, root: string | undefined): Promise<Unit[]> {
  const { name, stateDir, services } = appliance;
  const folder = join(root ?? '/', unitFolder);
  const isOurs = (await installedText(folder, 'lifeboat-temporal.service')) !== undefined;
  const place = serverPlace(appliance);
  const temporal =
    place !== undefined && (isOurs || root !== undefined || !(await answers(appliance))) ? place : undefined;
  return systemdUnits({
    appliance: name,
    configFile: configPath(globals),
    stateDir,
    program: [process.execPath, await realpath(process.argv[1] ?? '')],
    temporal:
      temporal === undefined
        ? undefined
        : {
            command: serverCommand({
              binary: resolve(findTemporalProgram({ lasting: true })),
              databaseFile: join(stateDir, 'temporal.db'),
              ...temporal,
            }),
            folder: stateDir,
          },
    startsPrograms: services.some(({ run }) => run.kind === 'process'),
  });
}

/** Undefined where a cluster is configured: elsewhere, or with certificates or a key. */
function serverPlace({ temporal }: Appliance): { readonly port: number; readonly uiPort: number } | undefined {
  if (temporal.tls !== undefined || temporal.apiKey !== undefined) return undefined;
  const port = Number(/^(?:127\.0\.0\.1|localhost):(\d+)$/.exec(temporal.address)?.[1] ?? 0);
  if (port === 0) return undefined;
  const ui = Number(/^https?:\/\/(?:127\.0\.0\.1|localhost):(\d+)$/.exec(temporal.uiUrl)?.[1] ?? 0);
  return { port, uiPort: ui === 0 ? port + 1000 : ui };
}

async function refuseForeign(folder: string, marker: string): Promise<void> {
  for (const name of allUnitNames) {
    const text = await installedText(folder, name);
    if (text === undefined || text.startsWith(`${marker}\n`)) continue;
    throw new LifeboatError('Precondition', `${join(folder, name)} was not written for this configuration`, {
      hint: 'its first line says for which; move it away by hand if it is not needed',
    });
  }
}

async function installedText(folder: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new LifeboatError('PermissionDenied', `cannot read ${join(folder, name)}: ${String(error)}`, {
      hint: asRoot(error),
    });
  }
}

/** Before anything is written: half an installation would start half of what is needed. */
async function requireWritable(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new LifeboatError('PermissionDenied', `may not write units to ${folder}`, {
      hint: asRoot(error),
      cause: error,
    });
  }
}

function asRoot(error: unknown): string {
  return process.getuid?.() === 0 ? refusedHint((error as NodeJS.ErrnoException).code, 0) : 'run it as root';
}

async function requireSystemd(): Promise<void> {
  const { failed } = await execa('systemctl', ['--version'], { reject: false });
  if (!failed) return;
  throw new LifeboatError('Precondition', 'this host has no systemd', {
    hint: 'keep `lifeboat worker` running by what the host has, and `lifeboat doctor --watchdog` in cron',
  });
}

async function systemctl(args: readonly string[]): Promise<void> {
  const { failed, stderr } = await execa('systemctl', args, { reject: false, env: { LC_ALL: 'C' } });
  if (!failed) return;
  throw new LifeboatError('ServiceFailed', `systemctl ${args.join(' ')}: ${stderr.trim().slice(0, 500)}`, {
    hint: 'run it as root; `systemctl status` and `journalctl -xe` say more',
  });
}

/** One word, as `active` or `disabled`. */
async function ask(args: readonly string[]): Promise<string> {
  const { stdout } = await execa('systemctl', args, { reject: false, env: { LC_ALL: 'C' } });
  return stdout.trim().split('\n')[0] || 'unknown';
}

function rootArgument(root: string | undefined): string[] {
  return root === undefined ? [] : ['--root', root];
}

function isOneshot(unit: string): boolean {
  return unit === 'lifeboat-watchdog.service';
}

/** The watchdog runs for a second and is over; what it found is its exit code. */
function isUp(unit: string, active: string): boolean {
  return isOneshot(unit) ? true : active === 'active';
}
