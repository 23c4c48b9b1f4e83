/** What runs: services of the appliance on a platform. Each method may be called twice. */
import type { Finding } from '../domain/finding.ts';

export interface Platform {
  readonly kind: 'process';
  /** Stops in the given order; proven gone when it returns (no process left), also where it was not running. ServiceFailed names the pid. */
  stop(service: string, signal: AbortSignal): Promise<void>;
  /** Starts and waits until ready. ServiceFailed carries the tail of the log's path. */
  start(service: string, signal: AbortSignal): Promise<void>;
  state(service: string): Promise<ServiceState>;
  check(): Promise<Finding[]>;
}

export interface ServiceState {
  readonly service: string;
  readonly running: boolean;
  readonly ready: boolean;
  readonly pid?: number;
  readonly detail: string;
}
