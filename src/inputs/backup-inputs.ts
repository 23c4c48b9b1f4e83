/** Inputs of what makes recovery points, and of what is always on beside it. */
import { z } from 'zod';
import { askedBy, componentId, count, reason, requestedBy } from './scalars.ts';

export const backup = z.strictObject({
  components: z
    .array(componentId)
    .optional()
    .describe('what is captured; everything that the type takes where absent or empty'),
  requestedBy,
  reason,
});

const ownState = 'its own state of the last session; leave it out';

export const walArchive = z.strictObject({
  component: z.string().optional().describe('the database; may be left out where the appliance has one'),
  repositoryId: z.string().optional().describe(`repository that the archive began in; ${ownState}`),
  isContinuous: z
    .boolean()
    .optional()
    .describe(`whether the newest recovery point reached the archive’s end; ${ownState}`),
  failing: z.string().optional().describe(`code of the failure that people were told of; ${ownState}`),
  repairingSince: z.string().optional().describe(`when a full backup was started because of a break; ${ownState}`),
  requestedBy: askedBy,
});

export const configWatch = z.strictObject({
  failures: count.optional().describe(`failures in a row; ${ownState}`),
  requestedBy: askedBy,
});
