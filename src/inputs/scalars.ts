/** Leaf types of workflow inputs. The `describe` of each is its name in docs/workflow-inputs.md and in refusals. */
import { z } from 'zod';
import { parseLsn } from '../domain/lsn.ts';
import { pastTime as happenedAt, zonedTime } from '../domain/zoned-time.ts';

/** Whether a parser of the domain takes a text: those throw. */
const takenBy =
  (parse: (text: string) => unknown) =>
  (text: string): boolean => {
    try {
      parse(text);
      return true;
    } catch {
      return false;
    }
  };

// An empty text is refused where it would mean everything: a script whose variable is empty asked for one thing.
export const recoveryPoint = z.string().min(1).describe('recovery point');
export const componentId = z.string().min(1).describe('component id');
export const locationName = z.string().min(1).describe('name of a location');
export const placeName = z.string().min(1).describe('`repository` or the name of a location');
export const restorePointName = z.string().min(1).describe('name of a restore point');
export const time = z
  .string()
  .refine(takenBy(zonedTime))
  .describe('ISO 8601 time with its zone (`2026-11-22T03:00:00Z`)');
export const pastTime = z
  .string()
  .refine(takenBy((text) => happenedAt(text, new Date())))
  .describe('ISO 8601 time with its zone that has come (`2026-11-22T03:00:00Z`)');
export const position = z.string().refine(takenBy(parseLsn)).describe('WAL position (`0/3000148`)');
export const timeline = z.number().int().min(1).describe('whole number from 1');
export const share = z.number().gt(0).lte(1).describe('number above 0, up to 1');
export const count = z.number().int().min(0).describe('whole number from 0');

export const requestedBy = z.string().optional().describe('who asked; stands in the evidence');
/** Who asked for a run that writes no evidence. */
export const askedBy = z.string().optional().describe('who asked');
export const reason = z.string().optional().describe('why; stands in the evidence');
