import { z } from 'zod';
import { parseJson } from '../json/parse-json.ts';
import type { Readiness } from '../domain/readiness.ts';

/** What the companion's `/health/detailed` answers. It answers with HTTP 200 also when it is unhealthy. */
const detailedHealth = z.object({
  summary: z.object({
    overall_status: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
    unhealthy_checks: z.number().default(0),
    unhealthy_services: z.array(z.string()).default([]),
  }),
});

/**
 * Ready means `healthy` or `degraded`, said by the body. A status code alone, a body of another shape (the constant
 * `{"status":"healthy"}` of `/health`) and `healthy` beside unhealthy checks do not count.
 */
export function readHealth(httpStatus: number, body: string): Readiness {
  if (httpStatus !== 200) return { ready: false, detail: `HTTP ${httpStatus}` };
  const parsed = detailedHealth.safeParse(bodyOf(body));
  if (!parsed.success) return { ready: false, detail: 'HTTP 200 without `summary.overall_status` in the body' };
  const { overall_status: status, unhealthy_checks: unhealthy, unhealthy_services: names } = parsed.data.summary;
  const contradicts = status === 'healthy' && (unhealthy > 0 || names.length > 0);
  const named = names.length > 0 ? `: ${names.join(', ')}` : '';
  if (contradicts)
    return { ready: false, detail: `healthy beside ${Math.max(unhealthy, names.length)} unhealthy checks${named}` };
  return { ready: status === 'healthy' || status === 'degraded', detail: `${status}${named}` };
}

function bodyOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
