/** Clocks of hosts and storages may be that far apart, seconds; what is dated further ahead comes from a wrong one. */
export const maxSkewSeconds = 300;
