/**
 * Rejects when the place of the locks does not answer: one that is frozen, or behind a network that lost its way, must
 * not hold a schedule up.
 */
export async function inTime<T>(work: Promise<T>, place: string, patienceMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${place} did not answer within ${patienceMs / 1_000} seconds`)),
      patienceMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
