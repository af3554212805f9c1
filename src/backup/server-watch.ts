/** How long nothing may move before the server is asked whether it is still there. */
const STILL_MS = 5_000;

/**
 * Watches work that a tool does on the server: mongodump may wait forever when the server dies at the wrong moment.
 * Whenever nothing has moved for a while the server is asked for a sign of life; while it answers, or before, nothing
 * happens.
 *
 * @param moved a number that changes as the work goes on
 * @param ask rejects when the server is gone
 * @param lost told why, once
 * @returns ends the watch
 */
export function watchServer(
  moved: () => number,
  ask: () => Promise<unknown>,
  lost: (error: unknown) => void,
): () => void {
  let before = moved();
  let asking = false;
  const timer = setInterval(() => {
    const still = moved() === before;
    before = moved();
    if (!still || asking) return;
    asking = true;
    ask()
      .catch(lost)
      .finally(() => {
        asking = false;
      });
  }, STILL_MS);
  return () => clearInterval(timer);
}
