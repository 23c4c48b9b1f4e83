/** Inputs of what changes live data. */
import { z } from 'zod';
import {
  componentId,
  locationName,
  pastTime,
  position,
  reason,
  recoveryPoint,
  requestedBy,
  restorePointName,
  time,
  timeline,
} from './scalars.ts';

const confirm = z
  .string()
  .optional()
  .describe('name of the appliance; nothing is changed without it, or with another one');

/** They choose what is brought back; an undo brings back what the last restore replaced. */
const choices = ['at', 'from', 'rebuild', 'toTime', 'toLsn', 'toName', 'toLatest', 'timeline'] as const;

export const restore = z
  .strictObject({
    at: recoveryPoint
      .optional()
      .describe(
        'an id, a unique prefix, `newest`, or `latest` as where absent. With a moment: where the database begins',
      ),
    from: locationName.optional().describe('location whose copy is read; the repository where absent'),
    toTime: time.optional().describe('brings the database to this moment'),
    toLsn: position.optional().describe('brings the database to this position'),
    toName: restorePointName.optional().describe('brings the database to the restore point of this name'),
    toLatest: z
      .boolean()
      .optional()
      .describe('brings the database to the last acknowledged commit: the archive, and what the live server still has'),
    timeline: timeline
      .optional()
      .describe('where the moment is looked for; on the timeline that was live then where absent'),
    undo: z
      .boolean()
      .optional()
      .describe('brings back what the last committed restore replaced, instead of a recovery point'),
    components: z.array(componentId).optional().describe('what is restored; everything where absent or empty'),
    rebuild: z
      .array(componentId)
      .optional()
      .describe('vector stores that are not restored: the application builds them anew afterwards'),
    confirm,
    waitForApproval: z
      .boolean()
      .optional()
      .describe(
        'waits up to 30 min until somebody approves the plan that it has made, and ends `planned` else; not needed with `confirm`',
      ),
    stopFirst: z.boolean().optional().describe('the guide’s order: stops the services before it verifies'),
    replaceDamaged: z
      .boolean()
      .optional()
      .describe('deletes first what failed its own check, where two copies do not fit'),
    keepNew: z
      .boolean()
      .optional()
      .describe('keeps the restored data although health or a probe failed after the swap'),
    disasterAt: pastTime.optional().describe('when the disaster happened: the RTO clock begins there'),
    requestedBy,
    reason,
  })
  .superRefine((input, context) => {
    if (input.undo !== true) return;
    const given = choices.filter((key) => input[key] !== undefined && input[key] !== false);
    if (given.length > 0)
      context.addIssue({
        code: 'custom',
        message: `\`undo\` brings back what the last restore replaced: ${given.map((key) => `\`${key}\``).join(', ')} cannot be given with it`,
      });
  });

export const rebuild = z.strictObject({
  components: z.array(componentId).optional().describe('vector stores that the application builds anew'),
  confirm,
  requestedBy,
  reason,
});
