/**
 * Calls `act` for each, so many at a time, in order; gives the results in that order. After a failure nothing more is begun,
 * what is under way is awaited, and the first failure is thrown.
 */
export async function inLanes<T, R>(
  count: number,
  items: Iterable<T> | AsyncIterable<T>,
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const results: R[] = [];
  let begun = 0;
  let failure: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (failure === undefined) {
      const place = begun;
      begun += 1;
      const next = await iterator.next();
      if (next.done === true) return;
      results[place] = await act(next.value);
    }
  };
  const guarded = async (): Promise<void> =>
    lane().catch((error: unknown) => {
      failure ??= { error };
    });
  await Promise.all(Array.from({ length: count }, guarded));
  if (failure === undefined) return results;
  await iterator.return?.();
  throw (failure as { readonly error: unknown }).error;
}
