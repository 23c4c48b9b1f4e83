/** Inputs of what keeps recovery points true: copies, verification, retention, clocks. */
import { z } from 'zod';
import { askedBy, componentId, locationName, placeName, reason, recoveryPoint, requestedBy, share } from './scalars.ts';

export const replicate = z.strictObject({
  location: locationName.optional().describe('which one is brought up to date; all of them where absent'),
  requestedBy,
});

export const verifyBackup = z.strictObject({
  at: recoveryPoint.optional().describe('an id, a unique prefix, `latest`, or `newest` as where absent'),
  components: z.array(componentId).optional().describe('which of its components; all where absent or empty'),
  quick: z.boolean().optional().describe('looks at presence and structure only'),
  requestedBy,
});

export const proveBackup = z.strictObject({
  at: recoveryPoint.optional().describe('an id, a unique prefix, `newest`, or `latest` as where absent'),
  components: z.array(componentId).optional().describe('which of its components; all where absent or empty'),
  requestedBy,
});

export const verifyDaily = z.strictObject({ requestedBy });

export const rpoWatch = z.strictObject({ requestedBy: askedBy });

export const retention = z.strictObject({
  apply: z.boolean().optional().describe('removes; without it the run only shows what would be removed'),
  place: placeName.optional().describe('where; in all places where absent'),
  maxShare: share
    .optional()
    .describe('share of the recovery points of a place that may leave it at once; 0.2 where absent'),
  requestedBy,
  reason,
});
