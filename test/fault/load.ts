import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import {
  type Actor,
  CHANGE_KINDS,
  type ChangeKind,
  type Oracle,
  type ReadKind,
  type Record,
  RECORDS,
} from './oracle.js';

const READERS = 10;
const CHANGERS = 2;

/** What leaves most entries where they are is drawn more often: only what is there can be older than it may be. */
const KINDS: readonly ChangeKind[] = [...CHANGE_KINDS, 'set', 'set', 'delete', 'delete', 'invalidate'];
const READS: readonly ReadKind[] = ['getOrSet', 'getOrSet', 'get', 'getMany'];

/** Draws from a seed, for ever. */
export class Lots {
  readonly #drawn: readonly number[];
  #draws = 0;

  constructor(seed: number) {
    this.#drawn = fc.sample(fc.nat({ max: 999_983 }), { seed, numRuns: 50_000 });
  }

  below(limit: number): number {
    this.#draws += 1;
    return (this.#drawn[this.#draws % this.#drawn.length] as number) % limit;
  }

  of<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** Readers and changers of the same few records on every instance, until it is stopped or something is wrong. */
export class RandomLoad {
  #isOver = false;
  readonly #loops: Promise<void>[] = [];

  constructor(
    private readonly lots: Lots,
    private readonly oracle: Oracle,
    actors: readonly Actor[],
  ) {
    for (const actor of actors) {
      for (let reader = 0; reader < READERS; reader += 1) this.loop(15, () => this.#read(actor));
      for (let changer = 0; changer < CHANGERS; changer += 1)
        this.loop(40, () => oracle.change(actor, this.#record(), lots.of(KINDS)));
      this.loop(60, () => oracle.increment(actor, []));
      this.loop(500, () => oracle.tell(actor, lots.of(actors), 1_500));
    }
  }

  /** One more that goes on beside them. */
  loop(longestPause: number, act: () => Promise<unknown>): void {
    const run = async () => {
      while (!this.#isOver && this.oracle.wrong.length === 0) {
        await act();
        await sleep(1 + this.lots.below(longestPause));
      }
    };
    this.#loops.push(run());
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  #record(): Record {
    return this.lots.of(RECORDS);
  }

  #read(actor: Actor): Promise<void> {
    const { lots } = this;
    const ttl = lots.of([60, 60, 60, '50ms']);
    const isStrict = lots.below(8) === 0;
    return this.oracle.read(actor, this.#record(), lots.of(READS), {
      ms: lots.of([0, 2, 20]),
      ttl,
      isStrict,
    });
  }
}
