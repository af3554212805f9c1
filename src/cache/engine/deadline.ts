/** In so many parts a deadline is measured. */
const PARTS = 4;

interface Call {
  partsLeft: number;
  reject: (error: Error) => void;
}

/**
 * How long calls may take: one timer for all that are under way. A call is given up between one and one and a
 * quarter times `ms` after it began. What comes later is dropped. Time in which this process was too busy to read
 * answers counts as one part, however long it was: what has arrived meanwhile is read before the next one ends.
 */
export class Deadline {
  readonly #calls = new Set<Call>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly ms: number) {}

  /** The promise's result, or a rejection when the deadline is over. */
  bound<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const call: Call = { partsLeft: PARTS + 1, reject };
      this.#calls.add(call);
      this.#timer ??= setInterval(() => this.#endPart(), this.ms / PARTS).unref();
      const over = () => this.#calls.delete(call);
      promise.then(
        (result) => over() && resolve(result),
        (error: unknown) => over() && reject(error),
      );
    });
  }

  #endPart(): void {
    if (this.#calls.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    for (const call of this.#calls) {
      call.partsLeft -= 1;
      if (call.partsLeft > 0) continue;
      this.#calls.delete(call);
      call.reject(new Error(`no answer within ${this.ms} ms`));
    }
  }
}
