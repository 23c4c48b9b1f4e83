/**
 * What runs the services of the appliance. One contract for every platform (test/platform/contract.ts); each method may be
 * called twice, and none of them deletes data.
 *
 * A service is one of lifeboat.yaml: any other name is NotFound, never an empty result.
 */
import type { PlatformConfig } from '../domain/appliance.ts';
import type { Finding } from '../domain/finding.ts';

export interface Platform {
  readonly kind: PlatformConfig['kind'];
  /** Never throws for a service that does not run or does not answer. */
  state(service: string): Promise<ServiceState>;
  /** Proven gone when it returns (no process left), also where it was not running. ServiceFailed names what is left. */
  stop(service: string, signal: AbortSignal): Promise<void>;
  /** Starts it unless it runs, and waits until it is ready. ServiceFailed says where its log is. */
  start(service: string, signal: AbortSignal): Promise<void>;
  /** For `doctor`: what would keep services from being steered, seen without touching them. Never throws. */
  check(): Promise<Finding[]>;
  /** Precondition or PermissionDenied where one of them could neither be stopped nor started. Asked before anything stops. */
  refuseUnsteerable(services: readonly string[]): Promise<void>;
}

export interface ServiceState {
  readonly service: string;
  readonly running: boolean;
  readonly ready: boolean;
  readonly pid?: number;
  readonly detail: string;
}
