/**
 * What a driver is given of the platform: where the data of its component lies, how its server is reached, who holds the data,
 * and how programs of its engine run. Drivers import no platform.
 */
export interface Target {
  /** Where a component lies, as its platform sees it. Asked at each use, because addresses move. */
  locate(component: string): Promise<Place>;
  /** The user of a name that lifeboat.yaml gives. Precondition where there is none. */
  user(component: string, name: string): Promise<Owner>;
  /** What `PROGRAM --version` prints where the component's engine runs; undefined where there is no such program. */
  versionOf(component: string, program: string): Promise<string | undefined>;
  /** Runs a program of the component's engine to its end. Does not throw for one that fails. */
  runTool(component: string, run: EngineRun): Promise<ToolResult>;
  /**
   * Starts a server of the component's own engine that nobody else reaches, on files that are not live. It does not outlive this
   * process, however this process ends.
   */
  runEngine(component: string, server: EngineServer): Promise<EngineProcess>;
  /** Who uses what lies at a path of this host or below it; this process does not count. */
  holders(path: string): Promise<readonly Holder[]>;
}

export interface Place {
  /** Where on this host a file lies that the component's server names by its own path. */
  readonly onHost: (named: string) => string;
  /** The host and port to connect to, for those of lifeboat.yaml. */
  readonly reach: (configured: NetworkAddress) => NetworkAddress;
}

export interface NetworkAddress {
  /** Name, address, or the folder of a Unix socket. */
  readonly hostname: string;
  readonly port: number;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface EngineRun {
  readonly command: readonly [program: string, ...args: string[]];
  /** The name that the program sees itself called by, where it is not its own. */
  readonly argv0?: string;
  /** Beside what every engine is given of our environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Who runs it; whoever runs Lifeboat where absent. Only root may choose another. */
  readonly user?: Owner | undefined;
}

export interface ToolResult {
  /** 127 where the program could not be started. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface EngineServer extends EngineRun {
  readonly cwd: string;
  /** What it gets when this process is gone. */
  readonly lastSignal: 'QUIT' | 'TERM' | 'KILL';
  /** Its output is written there; what was in it before is not kept. */
  readonly logFile: string;
}

export interface EngineProcess {
  /** Undefined while it runs. */
  readonly ended: () => EngineEnd | undefined;
  readonly exited: Promise<EngineEnd>;
  /** Does nothing where it has ended. */
  readonly kill: (signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL') => void;
}

export interface EngineEnd {
  /** Null where a signal ended it, or it could not be started. */
  readonly exitCode: number | null;
  /** The exit code, the signal, or that it could not be started. */
  readonly how: string;
}

export interface Holder {
  readonly pid: number;
  readonly name: string;
  /** `file`: it has one open there; `folder`: it works there and has none open. */
  readonly by: 'file' | 'folder';
}
