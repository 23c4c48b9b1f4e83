/** Names of queries, updates and signals, for the client: it need not load what workflows are made of. */
export const messageNames = {
  progress: 'progress',
  abort: 'abort',
  hold: 'hold',
  resume: 'resume',
  release: 'release',
} as const;
