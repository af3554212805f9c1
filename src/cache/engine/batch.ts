/** Keys of one command: with more of them, Redis and this process would wait for each other instead of both working. */
const MOST_TOGETHER = 32;

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers what is asked for in one tick, and asks for it together: callers that run side by side share a round
 * trip, a command and a deadline. Results come in the order of the items; an error concerns all of them.
 */
export class Batch<Item, Result> {
  #waiting: Waiting<Item, Result>[] = [];
  readonly #flush = () => this.#run();

  constructor(private readonly run: (items: Item[]) => Promise<readonly Result[]>) {}

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      // A next tick comes after the microtasks that are due: all callers that one answer wakes are gathered.
      if (this.#waiting.length === 0) process.nextTick(this.#flush);
      this.#waiting.push({ item, resolve, reject });
    });
  }

  #run(): void {
    const all = this.#waiting;
    this.#waiting = [];
    if (all.length <= MOST_TOGETHER) this.#runSome(all);
    else {
      for (let from = 0; from < all.length; from += MOST_TOGETHER) {
        this.#runSome(all.slice(from, from + MOST_TOGETHER));
      }
    }
  }

  #runSome(some: readonly Waiting<Item, Result>[]): void {
    this.run(some.map(({ item }) => item)).then(
      (results) => some.forEach(({ resolve }, index) => resolve(results[index] as Result)),
      (error: unknown) => some.forEach(({ reject }) => reject(error)),
    );
  }
}
