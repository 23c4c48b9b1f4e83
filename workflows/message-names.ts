/** Names of queries, updates and signals, for the client: it need not load what workflows are made of. */
export const messageNames = {
  progress: 'progress',
  abort: 'abort',
  pause: 'pause',
  resume: 'resume',
  decide: 'decide',
  plan: 'plan',
  release: 'release',
} as const;
