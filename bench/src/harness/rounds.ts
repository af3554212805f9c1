import { setImmediate as turn } from 'node:timers/promises';
import { reasonOf } from './left-out.js';

export interface Pace {
  readonly rounds: number;
  /** Milliseconds of one slot. */
  readonly ms: number;
}

/** What takes part in the rounds of a scenario. */
export interface Contender<Measured> {
  readonly slot: (ms: number, isWarmUp: boolean) => Promise<Measured>;
  /** Why it can't go on, or why its figures don't hold: it gets no further slot. */
  wrong?: string | undefined;
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
      const contender = contenders[index] as Contender<Measured>;
      if (contender.wrong !== undefined) continue;
      await collectGarbage();
      try {
        const isWarmUp = round < 0;
        const slot = await contender.slot(isWarmUp ? Math.max(ms, WARM_MS) : ms, isWarmUp);
        if (!isWarmUp) measured[index]?.push(slot);
      } catch (error) {
        contender.wrong = reasonOf(error);
      }
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
