/** Which moment a restore brings back, beside the recovery points themselves. */

/** Resolved against the archive of one database: what its recovery is told. Positions as text. */
export interface WalTarget {
  /**
   * `latest` loses nothing that the live server still has; the others stop where they say. `point` is the position at
   * which the recovery point itself stands on an older base.
   */
  readonly kind: 'time' | 'lsn' | 'name' | 'latest' | 'point';
  /** ISO 8601 time, position (also of `point`) or name; empty for `latest`. */
  readonly value: string;
  /** The recovery follows the archive onto this timeline. */
  readonly timeline: number;
  /** End of the archive on it, when it was planned. */
  readonly endLsn: string;
}

/** What a person asks for. `point` is a recovery point as it was made. */
export type RestoreGoal = { readonly kind: 'point' } | Moment;

export type Moment = (
  | { readonly kind: 'time'; readonly value: string }
  | { readonly kind: 'lsn'; readonly value: string }
  | { readonly kind: 'name'; readonly value: string }
  | { readonly kind: 'latest' }
) & {
  /** The one that it is looked for on; without it the one that was live then. */
  readonly timeline?: number;
};

/** The fields by which a goal is asked for, in workflow inputs and on the command line: one moment at most. */
export interface GoalFields {
  readonly toTime?: string;
  readonly toLsn?: string;
  readonly toName?: string;
  readonly toLatest?: boolean;
  readonly timeline?: number;
}

/** Those that are given, and nothing else. */
export function goalFields({ toTime, toLsn, toName, toLatest, timeline }: GoalFields): GoalFields {
  return {
    ...(toTime === undefined ? {} : { toTime }),
    ...(toLsn === undefined ? {} : { toLsn }),
    ...(toName === undefined ? {} : { toName }),
    ...(toLatest === undefined ? {} : { toLatest }),
    ...(timeline === undefined ? {} : { timeline }),
  };
}

/** The goal as it is written on the command line; empty for a recovery point. */
export function goalWords({ toTime, toLsn, toName, toLatest, timeline }: GoalFields): string {
  const on = timeline === undefined ? '' : ` --timeline ${timeline}`;
  if (toTime !== undefined) return `--to-time ${toTime}${on}`;
  if (toLsn !== undefined) return `--to-lsn ${toLsn}${on}`;
  if (toName !== undefined) return `--to-name '${toName}'${on}`;
  return toLatest === true ? `--to-latest${on}` : '';
}
