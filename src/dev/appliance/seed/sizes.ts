/** How much each size holds. */

export const applianceSizes = ['small', 'medium', 'large'] as const;
export type ApplianceSize = (typeof applianceSizes)[number];

export interface SizeFacts {
  readonly users: number;
  readonly sessions: number;
  readonly messages: number;
  readonly metrics: number;
  readonly audits: number;
  /** Distinct log lines, each really embedded. */
  readonly logLines: number;
  /** Sessions with a time to live in Redis. */
  readonly redisSessions: number;
  /** Rows of the table `load_filler`, about 350 bytes each. */
  readonly fillerRows: number;
  /** Bytes of the labelled filler file beside the models. */
  readonly fillerModelBytes: number;
}

const small: SizeFacts = {
  users: 50,
  sessions: 1000,
  messages: 20_000,
  metrics: 4000,
  audits: 4000,
  logLines: 5000,
  redisSessions: 3000,
  fillerRows: 0,
  fillerModelBytes: 0,
};

export const sizes: Readonly<Record<ApplianceSize, SizeFacts>> = {
  small,
  // PostgreSQL about 1.07 GB; models 25 MB and the filler: about 1.5 GB with Redis and the index.
  medium: { ...small, redisSessions: 200_000, fillerRows: 3_150_000, fillerModelBytes: 350_000_000 },
  // PostgreSQL about 2.1 GB: about 3 GB in all.
  large: { ...small, redisSessions: 200_000, fillerRows: 6_300_000, fillerModelBytes: 800_000_000 },
};
