/** The systemd units of one host: what keeps worker and Temporal running, and the watchdog that needs neither. Pure. */

export interface UnitInput {
  readonly appliance: string;
  readonly configFile: string;
  /** Folder of Lifeboat's own state. */
  readonly stateDir: string;
  /** The program of this command line: its words. */
  readonly program: readonly string[];
  /** The Temporal server of this host; undefined where another one is used. */
  readonly temporal: { readonly command: readonly string[]; readonly folder: string } | undefined;
  /** Lifeboat starts programs of the appliance itself: they must outlive its worker. */
  readonly startsPrograms: boolean;
}

export interface Unit {
  readonly name: string;
  readonly text: string;
  /** Whether this unit is enabled and started. The others are started by it. */
  readonly isEnabled: boolean;
}

/** The first line of every unit that `lifeboat service install` wrote. */
export function markerOf({ appliance, configFile }: Pick<UnitInput, 'appliance' | 'configFile'>): string {
  return `# Written by \`lifeboat service install\` for ${appliance} (${configFile}); installing again writes it anew.`;
}

const unitNames = {
  temporal: 'lifeboat-temporal.service',
  worker: 'lifeboat-worker.service',
  watchdog: 'lifeboat-watchdog.service',
  timer: 'lifeboat-watchdog.timer',
} as const;

/** Every name that an installation may have written. */
export const allUnitNames: readonly string[] = Object.values(unitNames);

export function systemdUnits(input: UnitInput): Unit[] {
  const { temporal } = input;
  return [
    ...(temporal === undefined ? [] : [unit(input, unitNames.temporal, true, temporalText(input.appliance, temporal))]),
    unit(input, unitNames.worker, true, workerText(input)),
    unit(input, unitNames.watchdog, false, watchdogText(input)),
    unit(input, unitNames.timer, true, timerText(input)),
  ];
}

function unit(input: UnitInput, name: string, isEnabled: boolean, text: string): Unit {
  return { name, isEnabled, text: `${markerOf(input)}\n${text}` };
}

/** Started again for ever: systemd gives up after five times otherwise, and nobody looks at 03:00. */
const always = `Restart=always
RestartSec=5`;

function temporalText(appliance: string, temporal: NonNullable<UnitInput['temporal']>): string {
  return `[Unit]
Description=Temporal server of Lifeboat (${appliance})
After=network.target
StartLimitIntervalSec=0

[Service]
ExecStart=${words(temporal.command)}
WorkingDirectory=${path(temporal.folder)}
${always}

[Install]
WantedBy=multi-user.target
`;
}

function workerText({ appliance, configFile, program, temporal, startsPrograms }: UnitInput): string {
  const server = temporal === undefined ? '' : ` ${unitNames.temporal}`;
  return `[Unit]
Description=Lifeboat worker (${appliance})
After=network-online.target${server}
Wants=network-online.target${server}
StartLimitIntervalSec=0

[Service]
# Secrets that lifeboat.yaml names as variables.
EnvironmentFile=-/etc/lifeboat/environment
ExecStart=${words([...program, '--config', configFile, 'worker'])}
${always}
# It ends by itself within 60 s and leaves what a next attempt can use.
TimeoutStopSec=90
${startsPrograms ? '# Programs of the appliance that it started go on.\nKillMode=process\n' : ''}
[Install]
WantedBy=multi-user.target
`;
}

function watchdogText({ appliance, configFile, program }: UnitInput): string {
  return `[Unit]
Description=Lifeboat watchdog (${appliance}): are the recovery points as young as they should be?

[Service]
Type=oneshot
EnvironmentFile=-/etc/lifeboat/environment
ExecStart=${words([...program, '--config', configFile, 'doctor', '--watchdog'])}
`;
}

function timerText({ appliance }: UnitInput): string {
  return `[Unit]
Description=Lifeboat watchdog (${appliance}), every five minutes

[Timer]
OnCalendar=*:0/5
AccuracySec=30s
Persistent=true

[Install]
WantedBy=timers.target
`;
}

/** As systemd reads a command line: quoted where needed, its own signs doubled. */
function words(command: readonly string[]): string {
  return command
    .map((word) => {
      const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
      return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
    })
    .join(' ');
}

/** A path setting takes no quotes. */
function path(text: string): string {
  return text.replaceAll('%', '%%');
}
