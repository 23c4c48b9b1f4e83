/**
 * On their way at once, of small objects: each takes a place that is far away tens of milliseconds, whatever its size. A
 * manifest of 100 GB has 2 MB.
 */
export const smallAtOnce = 16;
/** As well, of large ones: a pack is held whole, and has 17 MiB at most. */
export const largeAtOnce = 4;
