/** `/health/detailed` as the appliance answers it: HTTP 200 always, the truth stands in the body. */

export interface HealthCheck {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  readonly message: string;
  readonly response_time_ms: number;
}

export interface DetailedHealth {
  readonly summary: {
    readonly overall_status: HealthCheck['status'];
    readonly total_checks: number;
    readonly healthy_checks: number;
    readonly degraded_checks: number;
    readonly unhealthy_checks: number;
    readonly degraded_services: readonly string[];
    readonly unhealthy_services: readonly string[];
  };
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly timestamp: string;
}

/** A check tells what it saw; one that throws, or takes longer than this, is unhealthy. */
export type Check = () => Promise<string>;
const checkTimeoutMs = 3000;

export async function runChecks(checks: Readonly<Record<string, Check>>): Promise<DetailedHealth> {
  const results = Object.fromEntries(
    await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await runCheck(check)] as const)),
  );
  const named = (status: HealthCheck['status']): string[] =>
    Object.keys(results).filter((name) => results[name]?.status === status);
  const [degraded, unhealthy] = [named('degraded'), named('unhealthy')];
  const overall = unhealthy.length > 0 ? 'unhealthy' : degraded.length > 0 ? 'degraded' : 'healthy';
  return {
    summary: {
      overall_status: overall,
      total_checks: Object.keys(results).length,
      healthy_checks: named('healthy').length,
      degraded_checks: degraded.length,
      unhealthy_checks: unhealthy.length,
      degraded_services: degraded,
      unhealthy_services: unhealthy,
    },
    checks: results,
    timestamp: new Date().toISOString(),
  };
}

async function runCheck(check: Check): Promise<HealthCheck> {
  const begin = performance.now();
  const taken = (): number => Math.round((performance.now() - begin) * 100) / 100;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${checkTimeoutMs} ms`)), checkTimeoutMs);
  });
  try {
    return { status: 'healthy', message: await Promise.race([check(), late]), response_time_ms: taken() };
  } catch (error) {
    return {
      status: 'unhealthy',
      message: error instanceof Error ? error.message : String(error),
      response_time_ms: taken(),
    };
  } finally {
    clearTimeout(timer);
  }
}
