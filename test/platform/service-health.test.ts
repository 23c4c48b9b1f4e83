import { expect, test } from 'vitest';
import { readHealth } from '../../src/platform/service-health.ts';

const body = (summary: object) => JSON.stringify({ summary, checks: {} });

test.each([
  [
    'healthy',
    200,
    body({
      overall_status: 'healthy',
      total_checks: 5,
      healthy_checks: 5,
      unhealthy_checks: 0,
      unhealthy_services: [],
    }),
    true,
  ],
  ['degraded', 200, body({ overall_status: 'degraded', unhealthy_services: ['embedded_ai_service'] }), true],
  ['unhealthy behind HTTP 200', 200, body({ overall_status: 'unhealthy', unhealthy_services: ['database'] }), false],
  ['unknown', 200, body({ overall_status: 'unknown' }), false],
  ['healthy beside unhealthy checks', 200, body({ overall_status: 'healthy', unhealthy_checks: 1 }), false],
  ['the constant of /health', 200, '{"status":"healthy"}', false],
  ['no JSON', 200, '<html>It works!</html>', false],
  ['a healthy body behind HTTP 503', 503, body({ overall_status: 'healthy' }), false],
])('O2.2: the body decides whether a service is ready: %s', (_case, status, text, ready) => {
  expect(readHealth(status, text).ready).toBe(ready);
});
