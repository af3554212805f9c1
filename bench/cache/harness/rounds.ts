import { setImmediate as turn } from 'node:timers/promises';

export interface Pace {
  readonly rounds: number;
  /** Milliseconds of one slot. */
  readonly ms: number;
}

/** What takes part in the rounds of a scenario. */
export interface Contender<Measured> {
  slot(ms: number): Promise<Measured>;
}

/** Enough for all of a system's code to be compiled. */
const WARM_MS = 500;

/**
 * Gives each contender one slot per round, in an order that changes from round to round, so that neither a slow
 * minute of the machine nor the same neighbour always meets the same one. The first round is not counted.
 */
export async function interleaved<Measured>(
  contenders: readonly Contender<Measured>[],
  { rounds, ms }: Pace,
): Promise<Measured[][]> {
  const measured: Measured[][] = contenders.map(() => []);
  for (let round = -1; round < rounds; round++) {
    for (const index of order(contenders.length, round)) {
      await collectGarbage();
      const slot = await (contenders[index] as Contender<Measured>).slot(
        round < 0 ? Math.max(ms, WARM_MS) : ms,
      );
      if (round >= 0) measured[index]?.push(slot);
    }
  }
  return measured;
}

/** Begins one further each round, and every other round goes backwards. */
export function order(count: number, round: number): number[] {
  const indexes = Array.from({ length: count }, (_, n) => (n + Math.max(round, 0)) % count);
  return round % 2 === 0 ? indexes : indexes.toReversed();
}

export async function collectGarbage(): Promise<void> {
  if (!globalThis.gc) throw new Error('run node with --expose-gc');
  globalThis.gc();
  await turn(); // what finalizers and closed handles still had to do
}
