/** Does the work for all of them, so many at a time, in their order; rejects with the first failure. */
export async function atOnce<T>(
  limit: number,
  all: readonly T[],
  work: (one: T) => Promise<unknown>,
): Promise<void> {
  const waiting = all.values();
  const worker = async (): Promise<void> => {
    for (const one of waiting) await work(one);
  };
  await Promise.all(Array.from({ length: Math.min(limit, all.length) }, worker));
}
